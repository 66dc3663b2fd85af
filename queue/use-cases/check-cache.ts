import { QueueError } from '../domain/errors.ts'
import type { Json } from '../domain/job.ts'
import { equalityKey } from '../domain/equality-key.ts'
import type { CacheRequest } from './answer-from-cache.ts'
import { type Catalogue, publishedOffer } from './catalogue.ts'

/**
 * What a submission with `cache` is equal to: by the version of its task that was published last.
 * @throws TASK_NOT_DETERMINISTIC
 */
export function toCacheRequest(
  catalogue: Catalogue,
  job: { task: string; payload: Json },
  { ttlSeconds }: { ttlSeconds: number },
): CacheRequest {
  const offer = publishedOffer(catalogue, job.task)
  if (!offer?.deterministic)
    throw new QueueError(
      'TASK_NOT_DETERMINISTIC',
      `The task ${job.task} is not declared deterministic, so its results are not reused; leave cache out, or declare it where the task is defined.`,
      { fields: [{ path: 'cache', message: 'needs a task that is declared deterministic' }] },
    )
  return { ttlSeconds, key: equalityKey({ ...job, version: offer.version }) }
}
