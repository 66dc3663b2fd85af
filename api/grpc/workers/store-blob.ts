import { Readable } from 'node:stream'
import type { StoreBlobRequest__Output } from '../../../proto/generated/noodle/v1/StoreBlobRequest.ts'
import { artifactKey, artifactNameProblem, resultKey } from '../../../queue/domain/blob.ts'
import { QueueError } from '../../../queue/domain/errors.ts'
import type { StoredBlob } from '../../../queue/store/blobs/blob-store.ts'
import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'
import type { RunAccess } from './run-access.ts'

/** Stores what a node sends as the result or an artifact of a run that it holds. @throws NOT_HELD, INVALID_REQUEST, BLOBS_UNAVAILABLE */
export async function storeBlob(
  deps: Pick<QueueDeps, 'blobs'>,
  access: RunAccess,
  requests: AsyncIterable<StoreBlobRequest__Output>,
  signal: AbortSignal,
): Promise<StoredBlob> {
  const pieces = requests[Symbol.asyncIterator]()
  const first = await pieces.next()
  const head = first.done ? null : first.value.head
  if (!head) throw invalid('head', 'must be in the first message')
  const { job } = await access.require(head.run)
  const bytes = Number(head.bytes)
  const problem = head.artifact === '' ? null : artifactNameProblem(head.artifact)
  if (problem !== null) throw invalid('head.artifact', problem)
  const key = head.artifact === '' ? resultKey(job) : artifactKey(job, head.artifact)
  let seen = 0
  const counted = async function* (): AsyncGenerator<Buffer> {
    for (let next = first; !next.done; next = await pieces.next()) {
      seen += next.value.data.length
      if (seen > bytes) break
      if (next.value.data.length > 0) yield next.value.data
    }
    if (seen !== bytes) throw invalid('head.bytes', `must be as many as come, which are ${String(seen)}`)
  }
  if (bytes > 0)
    return deps.blobs.put(key, { stream: Readable.from(counted(), { objectMode: false }), bytes }, signal)
  return deps.blobs.put(key, Buffer.alloc(0), signal)
}

const invalid = (path: string, message: string): QueueError =>
  new QueueError('INVALID_REQUEST', `What comes can not be stored: ${path} ${message}.`, {
    fields: [{ path, message }],
  })
