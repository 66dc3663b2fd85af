import type { ClaimedJob } from '../domain/job.ts'
import { equalityKey } from '../domain/equality-key.ts'
import type { TaskOffer } from '../domain/node.ts'

/**
 * Whether the result of a job may answer later equal ones: it asked for the cache, and its node runs the version of the task that it was submitted for.
 * @param job with its payload, wherever that is kept
 */
export function mayAnswer(
  offer: Pick<TaskOffer, 'version' | 'deterministic'>,
  job: Pick<ClaimedJob, 'task' | 'payload' | 'cacheKey'>,
): boolean {
  if (!job.cacheKey || !offer.deterministic) return false
  return equalityKey({ task: job.task, version: offer.version, payload: job.payload }).equals(job.cacheKey)
}
