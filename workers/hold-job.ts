import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../core/logger.ts'
import type { JobState } from '../queue/domain/job-state.ts'
import { isWorthRetrying } from '../queue/use-cases/finish-job.ts'
import type { Run } from '../queue/intake/runs.ts'
import type { QueueDeps } from '../queue/use-cases/queue-deps.ts'
import type { LogShipper } from './log-shipper.ts'
import type { Platform } from './platform.ts'
import { type NotesDeps, openNotes } from './run-notes.ts'
import { type RunTaskOptions, runTask, type TaskEnd } from './run-task.ts'

export type HoldDeps = Pick<QueueDeps, 'metrics' | 'log'> & {
  platform: NotesDeps['platform'] & Pick<Platform, 'endRun' | 'handBack'>
}

export interface HoldOptions extends RunTaskOptions {
  /** Largest checkpoint, as JSON. */
  checkpointBytes: number
  logs: Pick<LogShipper, 'open'>
}

/** Of one job; beside the options, which are shared by all jobs and not copied for each. */
interface Hold {
  abandon: AbortSignal
  onRan: () => void
}

/**
 * The life of a job that this node holds: runs its task, and stores how it ended (T4, T5) or gives it back (T6). While Postgres is away an end is kept
 * and tried again until the boot is given up, or `abandon` is aborted; what was not stored is run again elsewhere. Never rejects.
 * `onRan` is called when the task is over and its end not stored yet. Answers with how long the task ran, in ms.
 */
export async function holdJob(
  deps: HoldDeps,
  run: Run,
  options: HoldOptions,
  { abandon, onRan }: Hold,
): Promise<number> {
  const { job, boot } = run
  const { metrics } = deps
  const log = deps.log.child({ jobId: job.id, task: job.task, attempt: job.attempt })
  log.debug('job started', { fence: job.fence, waitedMs: Math.round(job.waitedMs) })
  metrics.jobPickup.observe({ tier: job.tier }, job.waitedMs / 1000)
  metrics.jobsRunning.inc({ tier: job.tier })

  const runLog = options.logs.open(job)
  let outcome = 'unknown'
  let wallMs = 0
  try {
    const notes = openNotes(deps, run, options)
    const end = await runTask(run, runLog, options, notes)
    wallMs = end.usage.wallMs
    onRan()
    // So that who sees the job ended finds its log whole; and an ended job takes no notes.
    await Promise.all([runLog.end(), notes.close()])
    const state = await storeEnd(deps.platform, log, run, end, {
      hasKept: notes.hasKept(),
      giveUp: [boot.ended, abandon],
    })
    outcome =
      state === null
        ? 'lost'
        : end.kind === 'stopped' && state === 'pending'
          ? 'handed-back'
          : end.kind === 'failed' && state === 'pending'
            ? 'retried'
            : state
    // Never the message: it may quote what the program printed.
    log.debug('job ended', { outcome, code: end.kind === 'failed' ? end.error.code : undefined, wallMs })
  } catch (error) {
    log.error('a bug kept the end of a job from being stored; it will be handed back', { error })
  } finally {
    metrics.jobsRunning.dec({ tier: job.tier })
    metrics.jobDuration.observe({ tier: job.tier, task: job.task, outcome }, wallMs / 1000)
  }
  return wallMs
}

/** Null when the job is not ours any more, or its end could not be stored in time: then nothing may be reported. */
async function storeEnd(
  platform: HoldDeps['platform'],
  log: Logger,
  run: Run,
  end: TaskEnd,
  { hasKept, giveUp }: { hasKept: boolean; giveUp: readonly AbortSignal[] },
): Promise<JobState | null> {
  const { job, boot } = run
  // Killed because the lease ran out: should it be renewed after all, the renewal finds the row and hands it back.
  if (end.kind === 'stopped' && end.reason === 'lease lost') return null

  let isLogged = false
  for (let tries = 0; !giveUp.some((signal) => signal.aborted); tries++) {
    try {
      return end.kind === 'stopped'
        ? await platform.handBack(boot.id, job, 'node-stopping')
        : await platform.endRun(boot.id, job, end, { hasKept })
    } catch (error) {
      if (!isWorthRetrying(error)) throw error
      if (!isLogged) log.warn('the end of a job can not be stored now, it is kept and tried again', { error })
      isLogged = true
      await delay(Math.min(1000, 50 * 2 ** Math.min(tries, 5)) * (0.5 + Math.random() / 2), undefined, {
        signal: AbortSignal.any([...giveUp]),
      }).catch(() => undefined)
    }
  }
  return null
}
