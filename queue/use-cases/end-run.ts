import type { ClaimedJob } from '../domain/job.ts'
import type { JobState } from '../domain/job-state.ts'
import { type FinishDeps, finishJob, isWorthRetrying, type RunEnd } from './finish-job.ts'
import type { QueueDeps } from './queue-deps.ts'

/**
 * T4 and T5, and what follows from the end of a run. A result that can't be stored for a fault of its own fails the job: no further attempt would help.
 * `hasKept`: the run has kept a checkpoint. Answers as finishJob.
 */
export async function endRun(
  deps: FinishDeps & Pick<QueueDeps, 'cache' | 'checkpoints' | 'log'>,
  bootId: string,
  job: ClaimedJob,
  end: RunEnd,
  { hasKept }: { hasKept: boolean },
): Promise<JobState | null> {
  const state = await finish(deps, bootId, job, end)
  if (state !== 'succeeded' || end.kind !== 'succeeded') return state
  if (hasKept) void forget(deps, job.id)
  if (end.mayAnswer && job.cacheKey)
    deps.cache.keepResult({ tenant: job.tenant, task: job.task, key: job.cacheKey }, job.id)
  return state
}

async function finish(
  deps: FinishDeps & Pick<QueueDeps, 'log'>,
  bootId: string,
  job: ClaimedJob,
  end: RunEnd,
): Promise<JobState | null> {
  try {
    return await finishJob(deps, bootId, job, end)
  } catch (error) {
    if (isWorthRetrying(error) || end.kind !== 'succeeded') throw error
    deps.log.error('the result of a job could not be stored', { jobId: job.id, error })
    const message = 'Its result could not be stored.'
    return finishJob(deps, bootId, job, {
      kind: 'failed',
      error: { code: 'RESULT_INVALID', message, attempt: job.attempt },
      isFinal: true,
      usage: end.usage,
    })
  }
}

/** A job that succeeded needs its checkpoint no more; what is left here goes with the job. */
async function forget(deps: Pick<QueueDeps, 'checkpoints' | 'log'>, jobId: string): Promise<void> {
  await deps.checkpoints
    .forget(jobId)
    .catch((error: unknown) => deps.log.debug('a checkpoint was left behind', { jobId, error }))
}
