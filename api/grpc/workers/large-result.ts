import { createHash } from 'node:crypto'
import { resultKey } from '../../../queue/domain/blob.ts'
import type { ClaimedJob } from '../../../queue/domain/job.ts'
import type { RunEnd } from '../../../queue/use-cases/finish-job.ts'
import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'

/** A result that came with its end and is too large for its row goes to the blob store. @param json the result as it came. @throws BLOBS_UNAVAILABLE */
export async function keepLargeResult(
  deps: Pick<QueueDeps, 'blobs' | 'settings'>,
  job: ClaimedJob,
  end: RunEnd,
  json: Buffer | undefined,
): Promise<RunEnd> {
  if (end.kind !== 'succeeded' || end.resultRef || !json || json.length <= deps.settings.inlineBytes)
    return end
  const key = resultKey(job)
  await deps.blobs.put(key, json)
  const sha256 = createHash('sha256').update(json).digest('hex')
  return { ...end, result: null, resultRef: { key, bytes: json.length, sha256 } }
}
