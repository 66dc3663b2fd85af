import type { ServiceError } from '@grpc/grpc-js'
import type { Assignment__Output } from '../../proto/generated/noodle/v1/Assignment.ts'
import type { LeaseRenewed__Output } from '../../proto/generated/noodle/v1/LeaseRenewed.ts'
import type { RunEnded__Output } from '../../proto/generated/noodle/v1/RunEnded.ts'
import type { RunFinish } from '../../proto/generated/noodle/v1/RunFinish.ts'
import type { RunHandBack } from '../../proto/generated/noodle/v1/RunHandBack.ts'
import type { RunProgress } from '../../proto/generated/noodle/v1/RunProgress.ts'
import type { WorkHello } from '../../proto/generated/noodle/v1/WorkHello.ts'
import type { WorkRequest } from '../../proto/generated/noodle/v1/WorkRequest.ts'
import type { WorkResponse__Output } from '../../proto/generated/noodle/v1/WorkResponse.ts'
import { QueueError } from '../../queue/domain/errors.ts'
import type { GatewayClient } from './gateway-client.ts'

/** One stream to one gateway, as long as it lasts. Requests reject with GATEWAY_UNAVAILABLE when it ends before their answer. */
export interface WorkStream {
  renew(renewal: Omit<WorkRequest['renewal'] & object, 'seq'>): Promise<LeaseRenewed__Output>
  finish(finish: RunFinish & RunName): Promise<RunEnded__Output>
  handBack(handBack: RunHandBack & RunName): Promise<RunEnded__Output>
  /** Waits while the stream has no room; then the newest of each run goes, with the run's end at the latest. */
  noteProgress(progress: RunProgress & RunName): void
  tellDraining(): void
  isOpen(): boolean
  /** Resolves when nothing is left to be answered. */
  idle(): Promise<void>
  /** Ends it, and the connection under it. */
  close(): void
}

/** What the gateway says by itself. */
export interface WorkHearer {
  onJob(job: Assignment__Output, stream: WorkStream): void
  onRenewNow(): void
  onDrained(stream: WorkStream): void
  onGoAway(stream: WorkStream): void
  /** The stream has ended; `error` says why. */
  onEnd(stream: WorkStream, error: Error): void
}

/** Of results in one message: a gateway takes 4 MiB by default. */
const messageBytes = 1_000_000

interface RunName {
  jobId: string
  fence: string | number
}

interface Waiting<T> {
  resolve: (answer: T) => void
  reject: (error: Error) => void
}

/** Opens a stream; resolves when the gateway has taken the node. @throws GATEWAY_UNAVAILABLE, NODE_GIVEN_UP, BAD_TOKEN … */
export function openWorkStream(
  client: GatewayClient,
  toError: (error: ServiceError) => Error,
  options: { hello: WorkHello; welcomeMs: number; hearer: WorkHearer },
): Promise<WorkStream> {
  const { hearer } = options
  const call = client.work()
  const renewals = new Map<string, Waiting<LeaseRenewed__Output>>()
  const ends = new Map<string, Waiting<RunEnded__Output>[]>()
  const idleWaiters: (() => void)[] = []
  /** The newest of each run. */
  const progress = new Map<string, RunProgress>()
  let waiting: WorkRequest = {}
  let isSendDue = false
  let hasRoom = true
  let over: Error | undefined
  let seq = 0

  function sendSoon(): void {
    if (isSendDue) return
    isSendDue = true
    // What this turn of the event loop brings goes in one message.
    setImmediate(() => {
      isSendDue = false
      const { finishes = [], ...rest } = waiting
      waiting = {}
      if (progress.size > 0) rest.progress = [...progress.values()]
      progress.clear()
      const parts = inParts(finishes)
      for (const [i, part] of parts.entries())
        if (!over) hasRoom = call.write({ ...(i === 0 && rest), finishes: part })
    })
  }

  const keyOf = (jobId: string, fence: string | number): string => `${jobId} ${String(fence)}`

  function expectEnd(run: RunName): Promise<RunEnded__Output> {
    if (over) return Promise.reject(over)
    sendSoon()
    return new Promise((resolve, reject) => {
      const key = keyOf(run.jobId, run.fence)
      ends.set(key, [...(ends.get(key) ?? []), { resolve, reject }])
    })
  }

  function wakeIfIdle(): void {
    if (renewals.size === 0 && ends.size === 0) for (const wake of idleWaiters.splice(0)) wake()
  }

  function end(error: Error): void {
    if (over) return
    over = error
    for (const one of [...renewals.values(), ...[...ends.values()].flat()]) one.reject(error)
    renewals.clear()
    ends.clear()
    wakeIfIdle()
    call.cancel()
    client.close()
    hearer.onEnd(stream, error)
  }

  const stream: WorkStream = {
    renew(renewal) {
      if (over) return Promise.reject(over)
      const own = String(++seq)
      waiting.renewal = { ...renewal, seq: own }
      sendSoon()
      return new Promise((resolve, reject) => renewals.set(own, { resolve, reject }))
    },
    finish(finish) {
      ;(waiting.finishes ??= []).push(finish)
      return expectEnd(finish)
    },
    handBack(handBack) {
      ;(waiting.handBacks ??= []).push(handBack)
      return expectEnd(handBack)
    },
    noteProgress(told) {
      if (over) return
      progress.set(keyOf(told.jobId, told.fence), told)
      if (hasRoom) sendSoon()
    },
    tellDraining() {
      if (over) return
      waiting.draining = true
      sendSoon()
    },
    isOpen: () => over === undefined,
    idle() {
      if (renewals.size === 0 && ends.size === 0) return Promise.resolve()
      return new Promise((resolve) => idleWaiters.push(resolve))
    },
    close: () => end(unavailable('the stream was closed')),
  }

  /** In the order of the fields: a job that is listed by a renewal must have been heard of. */
  function hear(message: WorkResponse__Output): void {
    for (const job of message.jobs) hearer.onJob(job, stream)
    for (const ended of message.ended) {
      const key = keyOf(ended.jobId, ended.fence)
      for (const one of ends.get(key) ?? []) one.resolve(ended)
      ends.delete(key)
    }
    if (message.renewed) {
      // An answer tells also what was asked before.
      for (const [own, one] of renewals)
        if (Number(own) <= Number(message.renewed.seq)) {
          renewals.delete(own)
          one.resolve(message.renewed)
        }
    }
    wakeIfIdle()
    if (message.renewNow) hearer.onRenewNow()
    if (message.drained) hearer.onDrained(stream)
    if (message.goAway) hearer.onGoAway(stream)
  }

  return new Promise((resolve, reject) => {
    const late = setTimeout(() => end(unavailable('it did not answer in time')), options.welcomeMs)
    let isWelcome = false
    call.on('data', (message: WorkResponse__Output) => {
      if (over) return
      if (message.welcome && !isWelcome) {
        isWelcome = true
        clearTimeout(late)
        resolve(stream)
      }
      // Not before whoever waits for the welcome knows the stream.
      queueMicrotask(() => {
        if (!over) hear(message)
      })
    })
    call.on('drain', () => {
      hasRoom = true
      if (progress.size > 0) sendSoon()
    })
    call.on('error', (error: ServiceError) => {
      clearTimeout(late)
      const reason = over ?? toError(error)
      end(reason)
      reject(reason)
    })
    call.on('end', () => {
      clearTimeout(late)
      const reason = over ?? unavailable('the gateway ended the stream')
      end(reason)
      reject(reason)
    })
    call.write({ hello: options.hello })
  })

  function unavailable(what: string): QueueError {
    return new QueueError('GATEWAY_UNAVAILABLE', `The gateway at ${client.address} does not answer: ${what}.`)
  }
}

/** Results small enough for a message; one part at least, for what goes with it. */
function inParts(finishes: readonly RunFinish[]): RunFinish[][] {
  const parts: RunFinish[][] = [[]]
  let bytes = 0
  for (const finish of finishes) {
    const own = finish.success?.resultJson?.length ?? 0
    if (bytes > 0 && bytes + own > messageBytes) {
      parts.push([])
      bytes = 0
    }
    parts.at(-1)?.push(finish)
    bytes += own
  }
  return parts
}
