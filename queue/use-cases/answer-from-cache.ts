import type { Job } from '../domain/job.ts'
import type { CachedAsk } from '../store/jobs/accept-cached.ts'
import type { NewJob } from '../store/jobs/accept.ts'
import type { QueueDeps } from './queue-deps.ts'

/** What a submission with `cache` asks for. */
export interface CacheRequest {
  /** How old an earlier result may be. */
  ttlSeconds: number
  /** Of what the job is equal to (domain/equality-key.ts). */
  key: Buffer
}

/** The earlier job that the cache has for a submission; undefined when it has none. */
export async function findAnswer(
  deps: Pick<QueueDeps, 'cache'>,
  job: NewJob,
  request: CacheRequest | null | undefined,
): Promise<CachedAsk | undefined> {
  if (!request) return undefined
  const source = await deps.cache.findResult(placeOf(job, request))
  return source === undefined ? undefined : { job, source, ttlSeconds: request.ttlSeconds }
}

/** T14: stores a submission as succeeded by the result of an earlier equal one. Null when there is none, or it is too old; nothing is stored then. */
export async function answerFromCache(
  deps: Pick<QueueDeps, 'cache' | 'answerBatch'>,
  job: NewJob,
  request: CacheRequest | null | undefined,
): Promise<Job | null> {
  const first = await findAnswer(deps, job, request)
  if (!first || !request) return null
  const answered = await deps.answerBatch.add(first)
  if (answered) return answered
  // What this process remembers is too old, or gone: Redis may know of a run since.
  deps.cache.forgetResultHere(placeOf(job, request))
  const second = await findAnswer(deps, job, request)
  return second && second.source !== first.source ? deps.answerBatch.add(second) : null
}

const placeOf = ({ tenant, spec: { task } }: NewJob, { key }: CacheRequest) => ({ tenant, task, key })
