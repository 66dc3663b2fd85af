import { createHash } from 'node:crypto'
import { type BlobRef, payloadKey } from '../domain/blob.ts'
import { isCertainlyWithin } from '../domain/json-size.ts'
import type { NewJob } from '../store/jobs/accept.ts'
import type { QueueDeps } from './queue-deps.ts'

type KeepDeps = Pick<QueueDeps, 'blobs' | 'settings' | 'log'>

/** Blobs of a batch that are stored at once. */
const atOnce = 8

/** The text of a payload that is too large for its job's row; null for all others. */
export function largeText(
  deps: Pick<QueueDeps, 'settings'>,
  payload: NewJob['spec']['payload'],
): Buffer | null {
  const { inlineBytes } = deps.settings
  if (isCertainlyWithin(payload, inlineBytes)) return null
  const text = Buffer.from(JSON.stringify(payload))
  return text.length <= inlineBytes ? null : text
}

/** The job with a reference to its payload, which is stored first, when it is too large for a row. @throws BLOBS_UNAVAILABLE */
export async function keepPayload(deps: KeepDeps, job: NewJob, text: Buffer): Promise<NewJob> {
  const key = payloadKey(job)
  await deps.blobs.put(key, text)
  const payloadRef: BlobRef = {
    key,
    bytes: text.length,
    sha256: createHash('sha256').update(text).digest('hex'),
  }
  return { ...job, payloadRef }
}

/** The same for many. @throws BLOBS_UNAVAILABLE; what was stored by then is an orphan, and removed as such */
export async function keepPayloads(deps: KeepDeps, jobs: readonly NewJob[]): Promise<NewJob[]> {
  const kept = [...jobs]
  const left = jobs.flatMap((job, i) => {
    const text = largeText(deps, job.spec.payload)
    return text ? [{ job, i, text }] : []
  })
  async function keepNext(): Promise<void> {
    for (let next = left.shift(); next; next = left.shift())
      kept[next.i] = await keepPayload(deps, next.job, next.text)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, left.length) }, keepNext))
  return kept
}

/** For a job that was certainly not stored. What can't be removed now is an orphan. */
export async function forgetPayload(deps: KeepDeps, { id, payloadRef }: NewJob): Promise<void> {
  if (!payloadRef) return
  await deps.blobs
    .delete([payloadRef.key])
    .catch((error: unknown) =>
      deps.log.debug('a payload that is not needed was left behind', { jobId: id, error }),
    )
}
