import type { BlobRef } from '../domain/blob.ts'
import type { Job, Json } from '../domain/job.ts'
import { readJsonBlob } from './read-blob.ts'
import type { QueueDeps } from './queue-deps.ts'

/** What is kept as a blob and no larger is shown all the same where a single job is read. */
export const shownBytes = 1_048_576

type ShowDeps = Pick<QueueDeps, 'blobs' | 'log'>

/** The job as one who reads it alone sees it: payload and result are fetched where they are kept as blobs, up to a MiB. A job shows without what can't be fetched. */
export async function withBlobs(deps: ShowDeps, job: Job): Promise<Job> {
  if (!job.payloadRef && !job.resultRef) return job
  const [payload, result] = await Promise.all([
    fetchInto(deps, job.id, job.payload, job.payloadRef),
    fetchInto(deps, job.id, job.result, job.resultRef),
  ])
  return { ...job, payload, result }
}

async function fetchInto(deps: ShowDeps, jobId: string, value: Json, ref: BlobRef | null): Promise<Json> {
  if (!ref || value !== null || ref.bytes > shownBytes) return value
  try {
    return await readJsonBlob(deps, ref)
  } catch (error) {
    deps.log.warn('a job is shown without what is in the blob store', { jobId, key: ref.key, error })
    return null
  }
}
