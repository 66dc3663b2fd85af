import { QueueError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import { type Actor, tenantScope } from '../domain/user.ts'
import { findJob } from './find-job.ts'
import type { QueueDeps } from './queue-deps.ts'

/**
 * Cancels a job: at once when it has not started (T8), else by a flag (T9) that its holder or the reaper acts on. A job that is cancelled already
 * is answered as it is. A running job comes back in state running.
 * @throws JOB_NOT_FOUND; JOB_ALREADY_FINISHED when it had ended otherwise
 */
export async function cancelJob(
  deps: Pick<QueueDeps, 'jobs' | 'signals'>,
  actor: Actor,
  id: string,
): Promise<Job> {
  const tenant = tenantScope(actor)
  const cancelled = await deps.jobs.cancelUnstarted(id, tenant)
  if (cancelled) {
    deps.signals.tellChanged([id]) // its delivery stays in Redis: a hint about a cancelled job is refused at the claim
    return cancelled
  }
  const flagged = await deps.jobs.requestCancel(id, tenant)
  if (flagged) {
    if (flagged.nodeId) deps.signals.tellCancel(flagged.nodeId, id) // only speed: the holder also reads the flag when it renews
    return flagged
  }
  const job = await findJob(deps, actor, id)
  if (job.state === 'cancelled') return job
  // It was handed back or started between the two statements above: the next try meets it in its new state.
  if (job.finishedAt === null) return cancelJob(deps, actor, id)
  throw new QueueError('JOB_ALREADY_FINISHED', `Job ${id} has ended as ${job.state} already.`)
}
