import type { Component } from '../core/lifecycle.ts'
import type { ClaimedJob } from '../queue/domain/job.ts'
import {
  endOf,
  lastSeqOf,
  type LogChunk,
  type LogPosition,
  type PackedLine,
} from '../queue/domain/log-line.ts'
import type { QueueDeps } from '../queue/use-cases/queue-deps.ts'
import type { Platform } from './platform.ts'
import { makeRunLog } from './run-log.ts'
import type { LogSink } from './task.ts'

/** Brings the logs of all runs of this process to Redis, for those who follow, and to Postgres, where they are kept. */
export interface LogShipper extends Component {
  open(job: Pick<ClaimedJob, 'id' | 'attempt'>): LogSink & {
    /** Resolves when the log is kept; after 2 s it goes on in the background. */
    end(): Promise<void>
  }
}

/** How long lines are gathered for Redis. Runs that are over by then never get there. */
const liveMs = 50
/** How long lines are gathered for Postgres, unless `roundBytes` come sooner. What a worker's death together with that of Redis may cost. */
const keepMs = 1000
const roundBytes = 262_144
/** Most lines that go together. */
const roundLines = 5000
/** Lines of a run that wait for Postgres, in bytes; then lines are left out. */
const runBufferBytes = 4_194_304
/** The same for all runs of the process. */
const allBufferBytes = 67_108_864
/** After a store did not take lines. */
const pauseMs = 1000
const endDeadlineMs = 2000

/** A run's lines from the first that is not in Postgres yet. */
interface Outbox {
  jobId: string
  attempt: number
  lines: PackedLine[]
  /** Of each line, as they were counted. */
  sizes: number[]
  bytes: number
  /** The number of the first of `lines`. */
  firstSeq: number
  /** Up to here they are in Redis, or need not be. */
  liveSeq: number
  /** Ends of its chunks in Redis. */
  liveEnds: LogPosition[]
  /** On its way to Postgres; sent again as it is, when the answer was lost. */
  keeping: LogChunk | undefined
  /** When all is kept. */
  onEmpty: (() => void)[]
  isEnded: boolean
}

type ShipperDeps = Pick<QueueDeps, 'metrics' | 'log'> & { platform: Pick<Platform, 'keptLogs' | 'liveLogs'> }

export function makeLogShipper(deps: ShipperDeps, options: { limitBytes: number }): LogShipper {
  const { metrics, log } = deps
  const { keptLogs, liveLogs } = deps.platform
  const outboxes = new Set<Outbox>()
  let waitingBytes = 0
  const live = makeRounds(sendLive, log)
  const keep = makeRounds(sendKept, log)

  /** Redis, one round trip for all runs. */
  async function sendLive(): Promise<number | undefined> {
    const due = [...outboxes].flatMap((outbox) => {
      const skip = Math.max(0, outbox.liveSeq + 1 - outbox.firstSeq)
      if (outbox.isEnded || skip >= outbox.lines.length) return []
      const lines = outbox.lines.slice(skip, skip + countLines(outbox, skip))
      return [{ outbox, chunk: { attempt: outbox.attempt, firstSeq: outbox.firstSeq + skip, lines } }]
    })
    if (due.length === 0) return undefined
    const answers = await liveLogs.append(due.map(({ outbox, chunk }) => ({ jobId: outbox.jobId, chunk })))
    due.forEach(({ outbox, chunk }, i) => {
      if (answers[i] !== true) return
      outbox.liveSeq = lastSeqOf(chunk)
      outbox.liveEnds.push(endOf(chunk))
    })
    return answers.every(Boolean) ? liveMs : pauseMs
  }

  /** Postgres, one statement for all runs. */
  async function sendKept(): Promise<number | undefined> {
    const due = [...outboxes].flatMap((outbox) => {
      if (outbox.lines.length === 0) return []
      outbox.keeping ??= {
        attempt: outbox.attempt,
        firstSeq: outbox.firstSeq,
        lines: outbox.lines.slice(0, countLines(outbox, 0)),
      }
      return [{ outbox, chunk: outbox.keeping, textBytes: sum(outbox.sizes, outbox.keeping.lines.length) }]
    })
    if (due.length > 0) {
      await keptLogs.insert(
        due.map(({ outbox, chunk, textBytes }) => ({ jobId: outbox.jobId, chunk, textBytes })),
      )
      for (const { outbox, chunk, textBytes } of due) settle(outbox, chunk, textBytes)
    }
    await forgetKept()
    for (const outbox of [...outboxes]) {
      if (!outbox.isEnded || outbox.lines.length > 0) continue
      outboxes.delete(outbox)
      for (const wake of outbox.onEmpty) wake()
    }
    const rest = [...outboxes].filter(({ lines }) => lines.length > 0)
    if (rest.length === 0) return undefined
    return rest.some(({ isEnded, bytes }) => isEnded || bytes >= roundBytes) ? 0 : keepMs
  }

  function settle(outbox: Outbox, chunk: LogChunk, textBytes: number): void {
    outbox.keeping = undefined
    outbox.lines.splice(0, chunk.lines.length)
    outbox.sizes.splice(0, chunk.lines.length)
    outbox.firstSeq += chunk.lines.length
    outbox.bytes -= textBytes
    waitingBytes -= textBytes
    metrics.logBytes.inc(textBytes)
  }

  async function forgetKept(): Promise<void> {
    const forgettable = [...outboxes].flatMap((outbox) => {
      const ends = outbox.liveEnds.filter(({ seq }) => seq < outbox.firstSeq)
      outbox.liveEnds = outbox.liveEnds.filter(({ seq }) => seq >= outbox.firstSeq)
      return ends.length > 0 ? [{ jobId: outbox.jobId, ends }] : []
    })
    if (forgettable.length > 0) await liveLogs.forget(forgettable)
  }

  return {
    name: 'job logs',
    start: () => Promise.resolve(),
    async stop() {
      for (const outbox of outboxes) outbox.isEnded = true
      await Promise.race([
        Promise.all([...outboxes].map((outbox) => untilEmpty(outbox, keep))),
        new Promise((resolve) => setTimeout(resolve, endDeadlineMs).unref()),
      ])
      // Not awaited: a round that hangs in a store ends when that is closed.
      void live.stop()
      void keep.stop()
    },
    open(job) {
      // Made at the first line: most short runs say nothing.
      let begun: ReturnType<typeof begin> | undefined
      let isEnded = false
      const own = (): ReturnType<typeof begin> => (begun ??= begin(job))
      return {
        write: (stream, piece) => {
          if (!isEnded && !begun?.outbox.isEnded) own().runLog.write(stream, piece)
        },
        tell: (text) => {
          if (!isEnded && !begun?.outbox.isEnded) own().runLog.tell(text)
        },
        end() {
          if (isEnded) return Promise.resolve()
          isEnded = true
          return begun ? endOne(begun) : Promise.resolve()
        },
      }
    },
  }

  function begin(job: Pick<ClaimedJob, 'id' | 'attempt'>) {
    const outbox: Outbox = {
      jobId: job.id,
      attempt: job.attempt,
      lines: [],
      sizes: [],
      bytes: 0,
      firstSeq: 1,
      liveSeq: 0,
      liveEnds: [],
      keeping: undefined,
      onEmpty: [],
      isEnded: false,
    }
    const runLog = makeRunLog(
      {
        push(line, bytes) {
          if (outbox.bytes + bytes > runBufferBytes || waitingBytes + bytes > allBufferBytes) return false
          outboxes.add(outbox)
          outbox.lines.push(line)
          outbox.sizes.push(bytes)
          outbox.bytes += bytes
          waitingBytes += bytes
          live.within(liveMs)
          keep.within(outbox.bytes >= roundBytes ? 0 : keepMs)
          return true
        },
      },
      {
        limitBytes: options.limitBytes,
        onLeftOut: (reason) => metrics.logLinesLeftOut.inc({ reason }),
      },
    )
    return { outbox, runLog }
  }

  async function endOne({ outbox, runLog }: ReturnType<typeof begin>): Promise<void> {
    if (outbox.isEnded) return // the shipper has stopped
    runLog.finish()
    outbox.isEnded = true
    if (!outboxes.has(outbox)) return // all that it said is kept
    let timer: NodeJS.Timeout | undefined
    await Promise.race([
      untilEmpty(outbox, keep),
      new Promise<void>((resolve) => {
        timer = setTimeout(() => {
          log.warn('the log of a job could not be kept before its end is told', { jobId: outbox.jobId })
          resolve()
        }, endDeadlineMs)
      }),
    ])
    clearTimeout(timer)
  }
}

/** Resolves when all lines of a run that has ended are kept. */
async function untilEmpty(outbox: Outbox, keep: Rounds): Promise<void> {
  await new Promise<void>((resolve) => {
    outbox.onEmpty.push(resolve)
    keep.within(0)
  })
}

/** Lines from the `skip`th on that go together: as many as the round takes, and one at least. */
function countLines(outbox: Outbox, skip: number): number {
  let bytes = 0
  let count = 0
  for (let i = skip; i < outbox.sizes.length && count < roundLines; i++) {
    bytes += outbox.sizes[i] ?? 0
    if (count > 0 && bytes > roundBytes) break
    count++
  }
  return count
}

function sum(sizes: readonly number[], count: number): number {
  let total = 0
  for (let i = 0; i < count; i++) total += sizes[i] ?? 0
  return total
}

/** Rounds that never overlap, each run when somebody asked for it. */
interface Rounds {
  /** Sees to it that a round begins within so many ms, or right after the present one. */
  within(ms: number): void
  /** Resolves when no round runs, and none will. */
  stop(): Promise<void>
}

/** A round answers with the ms after which it wants to run again; one that throws is run again after a pause. */
function makeRounds(round: () => Promise<number | undefined>, log: QueueDeps['log']): Rounds {
  let timer: NodeJS.Timeout | undefined
  let dueAtMs = Infinity
  let running: Promise<void> | undefined
  let isStopped = false
  let isFailing = false

  function within(ms: number): void {
    const atMs = performance.now() + ms
    if (isStopped || atMs >= dueAtMs || (isFailing && dueAtMs < Infinity)) return
    dueAtMs = atMs
    if (running) return
    clearTimeout(timer)
    timer = setTimeout(run, ms)
  }

  function run(): void {
    dueAtMs = Infinity
    running = round()
      .then(
        (ms) => {
          if (isFailing) log.info('logs are stored again')
          isFailing = false
          return ms
        },
        (error: unknown) => {
          if (!isFailing) log.warn('logs could not be stored, it will be tried again', { error })
          isFailing = true
          return pauseMs
        },
      )
      .then((ms) => {
        running = undefined
        const askedMs = isFailing ? Infinity : dueAtMs - performance.now()
        dueAtMs = Infinity
        const nextMs = Math.min(ms ?? Infinity, askedMs)
        if (nextMs < Infinity) within(Math.max(0, nextMs))
      })
  }

  return {
    within,
    async stop() {
      isStopped = true
      clearTimeout(timer)
      await running
    },
  }
}
