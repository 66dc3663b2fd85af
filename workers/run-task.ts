import { performance } from 'node:perf_hooks'
import type { JobErrorCode } from '../queue/domain/job-errors.ts'
import type { Json, Usage } from '../queue/domain/job.ts'
import type { RunEnd } from '../queue/use-cases/finish-job.ts'
import { mayAnswer } from '../queue/use-cases/may-answer.ts'
import type { Boot } from '../queue/intake/boot.ts'
import type { RunBlobs } from './run-blobs.ts'
import type { Run } from '../queue/intake/runs.ts'
import type { RunNotes } from './run-notes.ts'
import { openRunSecrets, type ReadSecrets, type RunSecrets } from './run-secrets.ts'
import { type Stop, stopOf } from '../queue/intake/stop.ts'
import { type LogSink, PermanentFailure, type Task, TaskFailure } from './task.ts'

export interface RunTaskOptions {
  tasks: ReadonlyMap<string, Task>
  /** Largest result, as JSON. */
  resultBytes: number
  blobs: RunBlobs
  /** How long processes get between SIGTERM and SIGKILL when the time of a job is up. */
  killGraceMs: number
  /** True when the processes of a job may have been killed because the lease of the node ran out. */
  hasLapsed: (boot: Boot) => boolean
  /** Absent on a node without a key. */
  readSecrets?: ReadSecrets | undefined
}

/** What there is to report of a run: its end, or that it was stopped before and for what. */
export type TaskEnd = RunEnd | { kind: 'stopped'; reason: 'stopping' | 'lease lost'; usage: Usage }

/** The longest delay of a timer. */
const maxTimerMs = 2 ** 31 - 1

/** Longest message of an error that is kept. */
const messageChars = 4000

/** Runs a job's task to its end, within its time. Never rejects: a task can't make its node fail. */
export async function runTask(
  run: Run,
  log: LogSink,
  options: RunTaskOptions,
  notes: Pick<RunNotes, 'progress' | 'checkpoint' | 'lastCheckpoint'>,
): Promise<TaskEnd> {
  const { gpus, heldGpus, limits, stopping } = run
  const { signal } = stopping
  const startedMs = performance.now()
  let measured: Omit<Usage, 'wallMs' | 'gpuSeconds'> = {}
  let howStopped: string | undefined
  let secrets: RunSecrets | undefined
  const usage = (): Usage => {
    const wallMs = Math.round(performance.now() - startedMs)
    return { wallMs, ...measured, ...(heldGpus > 0 && { gpuSeconds: (heldGpus * wallMs) / 1000 }) }
  }
  const failed = (code: JobErrorCode, message: string, isFinal: boolean, reason?: string): RunEnd => ({
    kind: 'failed',
    ...(reason !== undefined && { reason }),
    error: { code, message: storable(secrets?.guarded.redact(message) ?? message), attempt: run.job.attempt },
    isFinal,
    usage: usage(),
    ...(code === 'OUT_OF_MEMORY' && limits && { outOfMemoryMb: limits.memoryMb }),
  })
  const timer = setTimeout(
    () => stopping.abort({ reason: 'timeout', killGraceMs: options.killGraceMs } satisfies Stop),
    Math.min(maxTimerMs, run.job.timeoutMs),
  )

  try {
    const task = options.tasks.get(run.job.task)
    // Not final: another node of the tier may offer it. Deliveries of unknown tasks are not claimed, so this is rare.
    if (!task) throw new TaskFailure('TASK_UNKNOWN', `This node does not offer the task ${run.job.task}.`)
    const job = run.job.payloadRef
      ? { ...run.job, payload: await options.blobs.payloadOf(run.job, signal) }
      : run.job
    const { progress, checkpoint, lastCheckpoint } = notes
    const recordUsage = (figures: typeof measured): void => void (measured = figures)
    const { secrets: names = [] } = task.offer
    if (names.length > 0)
      secrets = await openRunSecrets(job, names, options.readSecrets, { signal, log, progress, checkpoint })
    // Woken from a freeze: what begins now would run beside the next attempt.
    if (options.hasLapsed(run.boot)) return { kind: 'stopped', reason: 'lease lost', usage: usage() }
    const result = await task.run({
      job,
      gpus,
      limits,
      signal,
      log,
      progress,
      checkpoint,
      lastCheckpoint,
      keepArtifacts: (folder, how) =>
        options.blobs.keepArtifacts(run, folder, { ...how, signal, log: secrets?.guarded.log ?? log }),
      recordUsage,
      recordStop: (how) => (howStopped = how),
      secrets: {},
      redact: (text) => text,
      ...secrets?.guarded,
    })
    if (signal.aborted) return stopped()
    const text = textOf(job.task, result, options.resultBytes)
    secrets?.checkResult(text)
    const used = usage()
    clearTimeout(timer) // the task is over; its result has its own time
    const resultRef = await options.blobs.keepResult(job, text, signal)
    if (!resultRef)
      return {
        kind: 'succeeded',
        result,
        ...(mayAnswer(task.offer, job) && { mayAnswer: true }),
        usage: used,
      }
    return { kind: 'succeeded', result: null, resultRef, usage: used }
  } catch (error) {
    if (signal.aborted) return stopped()
    // A process that was frozen may hear first that its children died, and then that they had to.
    if (options.hasLapsed(run.boot)) return { kind: 'stopped', reason: 'lease lost', usage: usage() }
    const code = error instanceof TaskFailure ? error.code : 'TASK_ERROR'
    return failed(
      code,
      error instanceof Error ? error.message : String(error),
      error instanceof PermanentFailure,
    )
  } finally {
    clearTimeout(timer)
    secrets?.end()
  }

  function stopped(): TaskEnd {
    const { reason } = stopOf(signal)
    switch (reason) {
      case 'timeout':
        return failed(
          'TIMEOUT',
          `It ran longer than its timeoutMs of ${String(run.job.timeoutMs)}${howStopped ? ` and was ended: ${howStopped}` : ''}.`,
          false,
        )
      case 'cancelled':
        // The row's flag makes it cancelled.
        return failed(
          'CANCELLED',
          'Cancelled on request.',
          true,
          howStopped ? `cancelled: ${howStopped}` : 'cancelled',
        )
      case 'stopping':
      case 'lease lost':
        return { kind: 'stopped', reason, usage: usage() }
    }
  }
}

/** A result as JSON. @throws PermanentFailure when it can't be stored */
function textOf(task: string, result: Json, limitBytes: number): string {
  let text: unknown
  try {
    text = JSON.stringify(result) // undefined for a function, or nothing
  } catch (error) {
    throw new PermanentFailure(
      'RESULT_INVALID',
      `The result of the task ${task} can't be told as JSON: ${error instanceof Error ? error.message : String(error)}`,
      error,
    )
  }
  if (typeof text !== 'string')
    throw new PermanentFailure(
      'RESULT_INVALID',
      `The task ${task} returned nothing that JSON can tell; null stands for nothing.`,
    )
  const bytes = Buffer.byteLength(text)
  if (bytes > limitBytes) {
    throw new PermanentFailure(
      'RESULT_TOO_LARGE',
      `The result has ${String(bytes)} bytes as JSON, more than the ${String(limitBytes)} of RESULT_LIMIT_BYTES.`,
    )
  }
  return text
}

/** Text as Postgres' jsonb takes it: no NUL characters, no halves of characters. */
function storable(message: string): string {
  return message.slice(0, messageChars).replaceAll('\0', '\uFFFD').toWellFormed()
}
