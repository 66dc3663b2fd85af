import { performance } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { status } from '@grpc/grpc-js'
import type { Logger } from '../../../core/logger.ts'
import type { LeaseRenewal__Output } from '../../../proto/generated/noodle/v1/LeaseRenewal.ts'
import type { RunFinish__Output } from '../../../proto/generated/noodle/v1/RunFinish.ts'
import type { RunHandBack__Output } from '../../../proto/generated/noodle/v1/RunHandBack.ts'
import type { RunProgress__Output } from '../../../proto/generated/noodle/v1/RunProgress.ts'
import type { WorkHello__Output } from '../../../proto/generated/noodle/v1/WorkHello.ts'
import type { WorkRequest__Output } from '../../../proto/generated/noodle/v1/WorkRequest.ts'
import type { ClaimedJob } from '../../../queue/domain/job.ts'
import type { JobState } from '../../../queue/domain/job-state.ts'
import type { Node } from '../../../queue/domain/node.ts'
import type { Boot } from '../../../queue/intake/boot.ts'
import { makeClaimLoop } from '../../../queue/intake/claim-loop.ts'
import { makeConsumerWatchdog } from '../../../queue/intake/consumer-watchdog.ts'
import { makeRuns, type Run } from '../../../queue/intake/runs.ts'
import { endRun } from '../../../queue/use-cases/end-run.ts'
import { handBackJob, isWorthRetrying } from '../../../queue/use-cases/finish-job.ts'
import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'
import { toStateName } from '../messages.ts'
import { GrpcRefusal } from '../to-status.ts'
import { keepLargeResult } from './large-result.ts'
import type { NodeOutbox } from './node-outbox.ts'
import { makeNodeStanding } from './node-standing.ts'
import type { RunAccess } from './run-access.ts'
import type { RunLimits } from './run-limits.ts'
import { readAllocation, readEnd, storable, toAssignment } from './run-messages.ts'

/** A node that this gateway takes jobs for, for as long as its stream lasts. */
export interface NodeSession {
  /** Takes jobs for the node and does what it says, until its stream ends. @throws when it is broken off */
  run(requests: AsyncIterator<WorkRequest__Output>): Promise<void>
  /** Takes no more jobs for it, and tells it to look for another gateway. Resolves when no more will come. */
  sendAway(): Promise<void>
  /** Breaks the stream off. */
  end(error: Error): void
}

/** A run that the node has, or is being sent. */
interface Carried {
  onRan: () => void
  resolve: (ranMs: number | null) => void
}

/** Messages in hand at once, for each slot of the node; with more it is not listened to until some are done. */
const inHandPerSlot = 16
const noteChars = 500
const reasons = ['node-stopping', 'not-running']

const keyOf = (jobId: string, fence: number | string): string => `${jobId} ${String(fence)}`

/**
 * The gateway's half of a node: it takes deliveries for the slots that are free there, claims under the node's boot, passes the jobs on, and stores
 * their ends. Two gateways may take themselves for the node's for a while: what is claimed and never gets there is handed back, by the gateway that finds
 * the stream closed, or by the node, whose renewal lists it.
 */
export function makeNodeSession(
  deps: QueueDeps,
  options: {
    node: Node
    hello: WorkHello__Output
    outbox: NodeOutbox
    access: RunAccess
    limits: RunLimits
    /** That the node reckons with. */
    leaseMs: number
    log: Logger
  },
): NodeSession {
  const { node, hello, outbox, access, limits, leaseMs, log } = options
  const { bootId } = node
  const over = new AbortController()
  const boot: Boot = { id: bootId, ended: over.signal }
  const runs = makeRuns()
  const standing = makeNodeStanding(boot, { leaseMs, lookNow: () => outbox.tell('renewNow') })
  const carried = new Map<Run, Carried>()
  const adopted = new Set<string>()
  /** Of each run what it told of its progress and is not stored yet. */
  const noting = new Map<string, Promise<void>>()
  let breakOff: (error: Error) => void = () => undefined
  const broken = new Promise<never>((_, reject) => (breakOff = reject))
  broken.catch(() => undefined)
  let overdue: NodeJS.Timeout | undefined
  let inHand = 0
  let wakeReader: () => void = () => undefined

  const watchdog = makeConsumerWatchdog(deps, { hasFreeSlot: () => runs.count() < node.concurrency })
  const intake = makeClaimLoop(
    { ...deps, log, deliveries: { ...deps.deliveries, consume: watchdog.consume } },
    {
      tiers: node.tiers,
      tasks: new Set(node.tasks.map(({ name }) => name)),
      capacity: {
        ...{ slots: node.concurrency, cpus: node.cpus, memoryMb: node.memoryMb, gpus: node.gpus },
        gpuShares: Math.min(1000, Math.max(1, hello.gpuShares)),
      },
      ...{ lease: standing, runs, carry },
    },
  )

  /** Until its end is stored, or the stream is over: then the node tells its end to another gateway. */
  function carry(run: Run, onRan: () => void): Promise<number | null> {
    if (over.signal.aborted) return giveBack(run.job)
    access.remember(bootId, { jobId: run.job.id, attempt: run.job.attempt })
    if (!adopted.delete(keyOf(run.job.id, run.job.fence))) outbox.job(toAssignment(run))
    return new Promise((resolve) => carried.set(run, { onRan, resolve }))
  }

  /** Claimed for a node that is gone from here; it need not wait until the node finds it. */
  async function giveBack(job: ClaimedJob): Promise<null> {
    await handBackJob(deps, bootId, job, 'not-running').catch((error: unknown) =>
      log.debug('a job could not be handed back, the next renewal does it', { jobId: job.id, error }),
    )
    return null
  }

  function settle(run: Run | undefined, ranMs: number | null): void {
    const one = run && carried.get(run)
    if (!one) return
    carried.delete(run)
    one.resolve(ranMs)
  }

  async function adoptHeld(): Promise<void> {
    const told = new Map(hello.held.map((one) => [keyOf(one.jobId, one.fence), one.allocation]))
    const jobs = await access.list(
      bootId,
      hello.held.map((one) => one.jobId),
    )
    for (const job of jobs) {
      const allocation = told.get(keyOf(job.id, job.fence))
      if (!allocation) continue
      adopted.add(keyOf(job.id, job.fence))
      intake.adopt(job, boot, readAllocation(allocation))
    }
  }

  async function renew({ seq, isDrained, cpuUse, memoryUse, gpuUse }: LeaseRenewal__Output): Promise<void> {
    expectRenewal()
    const sentAtMs = performance.now()
    const before = runs.list()
    const use = { cpu: cpuUse ?? null, memory: memoryUse ?? null, gpu: gpuUse ?? null }
    const renewal = await deps.nodes.renew(bootId, leaseMs, { isDrained, use }).catch((error: unknown) => {
      if (!isWorthRetrying(error)) throw error
      return 'unknown' as const
    })
    if (renewal === 'unknown') {
      outbox.renewed({ seq, tryAgain: true })
      return
    }
    if (!renewal) {
      standing.lose()
      outbox.renewed({ seq, isLive: false })
      return
    }
    standing.trust(sentAtMs)
    const rows = new Set(renewal.held.map(({ id, fence }) => keyOf(id, fence)))
    // What was held and is not any more ended by way of another gateway, or was taken away.
    for (const run of before) if (!rows.has(keyOf(run.job.id, run.job.fence))) settle(run, null)
    outbox.renewed({
      seq,
      isLive: true,
      isDraining: renewal.state === 'draining',
      held: renewal.held
        .filter(({ id, fence }) => !isOnItsWay(id, fence))
        .map(({ id, fence, isCancelRequested }) => ({
          jobId: id,
          fence,
          cancelRequested: isCancelRequested,
        })),
    })
  }

  /** The node must not hand back what it has not got yet. What is in the outbox gets there before the answer of the renewal. */
  function isOnItsWay(jobId: string, fence: number): boolean {
    const run = runs.find(jobId, fence)
    return runs.isClaiming(jobId) || (run !== undefined && !carried.has(run))
  }

  /** A node that renews no more has another gateway, or is gone without a word. */
  function expectRenewal(): void {
    clearTimeout(overdue)
    overdue = setTimeout(
      () => breakOff(new GrpcRefusal(status.ABORTED, 'No renewal of the lease came in time.')),
      leaseMs,
    )
  }

  /** Stores what the node says about a run, and answers it. */
  async function store(
    { jobId: id, fence }: { jobId: string; fence: string },
    write: (job: ClaimedJob) => Promise<JobState | null>,
    ranMs: number | null,
  ): Promise<void> {
    const identity = { jobId: id, fence }
    const run = runs.find(id, Number(fence))
    try {
      await noting.get(keyOf(id, fence)) // an ended job takes no notes
      const job = run?.job ?? (await access.find(bootId, id, Number(fence)))
      const state = job && (await write(job))
      outbox.ended({ ...identity, ...(state && { state: toStateName(state) }) })
      settle(run, ranMs)
    } catch (error) {
      if (isWorthRetrying(error)) {
        outbox.ended({ ...identity, tryAgain: true })
        return
      }
      log.error('a bug kept the end of a job from being stored; it will be handed back', { jobId: id, error })
      outbox.ended({ ...identity, failed: true })
      settle(run, null)
    }
  }

  function finish(message: RunFinish__Output): Promise<void> {
    const run = runs.find(message.jobId, Number(message.fence))
    if (run) carried.get(run)?.onRan()
    const write = async (job: ClaimedJob): Promise<JobState | null> => {
      const end = await keepLargeResult(deps, job, readEnd(message, job, limits), message.success?.resultJson)
      return endRun(deps, bootId, job, end, { hasKept: message.keptCheckpoint })
    }
    return store(message, write, message.usage?.wallMs ?? null)
  }

  function handBack(message: RunHandBack__Output): Promise<void> {
    const reason = reasons.includes(message.reason) ? message.reason : 'node-stopping'
    return store(message, (job) => handBackJob(deps, bootId, job, reason), null)
  }

  function noteProgress({ jobId: id, fence, percent, note }: RunProgress__Output): Promise<void> {
    const key = keyOf(id, fence)
    const told = {
      progress: Math.min(100, Math.max(0, percent)),
      note: note === undefined ? null : storable(note, noteChars),
    }
    const stored = deps.progressBatch
      .add({ bootId, note: { id, fence: Number(fence), ...told } })
      .catch((error: unknown) => log.debug('progress could not be stored', { jobId: id, error }))
      .finally(() => {
        if (noting.get(key) === stored) noting.delete(key)
      })
    noting.set(key, stored) // those before it are stored before it
    return stored
  }

  /** Resolves when no more jobs will be sent. */
  async function stopIntake(): Promise<void> {
    intake.stopIntake()
    await nextTurn() // a claim that was about to begin has begun
    await runs.untilNoClaims()
    await nextTurn() // and what it brought is on its way
  }

  function take(message: WorkRequest__Output): void {
    const work: Promise<void>[] = []
    if (message.renewal) work.push(renew(message.renewal))
    work.push(...message.progress.map(noteProgress))
    work.push(...message.finishes.map(finish), ...message.handBacks.map(handBack))
    if (message.draining) work.push(stopIntake().then(() => outbox.tell('drained')))
    for (const one of work) {
      inHand++
      void one
        .catch((error: unknown) => breakOff(error as Error))
        .finally(() => {
          inHand--
          wakeReader()
        })
    }
  }

  async function listen(requests: AsyncIterator<WorkRequest__Output>): Promise<void> {
    for (;;) {
      const next = await requests.next()
      if (next.done || over.signal.aborted) return
      take(next.value)
      while (inHand > inHandPerSlot * node.concurrency)
        await new Promise<void>((resolve) => (wakeReader = resolve))
    }
  }

  async function close(): Promise<void> {
    over.abort()
    clearTimeout(overdue)
    standing.lose()
    intake.stopIntake()
    for (const run of [...carried.keys()]) settle(run, null)
    await Promise.all([intake.stop(), watchdog.stop()])
  }

  return {
    async run(requests) {
      const { remoteNodes } = deps.metrics
      const stopHearing = await deps.signals.onCancel(node.id, () => outbox.tell('renewNow'))
      remoteNodes.inc()
      log.info('a remote node has connected', { nodeId: node.id, bootId, held: hello.held.length })
      try {
        expectRenewal()
        await adoptHeld()
        outbox.tell('welcome')
        if (hello.draining) intake.stopIntake()
        await intake.start()
        await watchdog.start()
        await Promise.race([listen(requests), broken, outbox.broken])
      } finally {
        stopHearing()
        await close()
        remoteNodes.dec()
        log.info('a remote node is gone from here', { nodeId: node.id, bootId })
      }
    },
    async sendAway() {
      await stopIntake()
      outbox.tell('goAway')
    },
    end: (error) => breakOff(error),
  }
}
