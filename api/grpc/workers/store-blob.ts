import { Readable } from 'node:stream'
import type { StoreBlobRequest__Output } from '../../../proto/generated/noodle/v1/StoreBlobRequest.ts'
import type { StoredArtifact__Output } from '../../../proto/generated/noodle/v1/StoredArtifact.ts'
import { artifactKey, artifactNameProblem, resultKey } from '../../../queue/domain/blob.ts'
import { QueueError } from '../../../queue/domain/errors.ts'
import type { Artifact } from '../../../queue/store/artifacts-table.ts'
import type { StoredBlob } from '../../../queue/store/blobs/blob-store.ts'
import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'
import type { GrpcCall } from '../method.ts'
import type { RunAccess } from './run-access.ts'
import type { RunLimits } from './run-limits.ts'

/** Stores what a node sends as the result or an artifact of a run that it holds. @throws NOT_HELD, NOT_PERMITTED, INVALID_REQUEST, TOO_LARGE, BLOBS_UNAVAILABLE */
export async function storeBlob(
  { blobs, access, limits }: Pick<QueueDeps, 'blobs'> & { access: RunAccess; limits: RunLimits },
  call: Pick<GrpcCall, 'actor' | 'gone'>,
  requests: AsyncIterable<StoreBlobRequest__Output>,
): Promise<StoredBlob> {
  const pieces = requests[Symbol.asyncIterator]()
  const first = await pieces.next()
  const head = first.done ? null : first.value.head
  if (!head) throw invalid('head', 'must be in the first message')
  const { job } = await access.require(call, head.run)
  const bytes = Number(head.bytes)
  if (bytes < 0) throw invalid('head.bytes', 'must not be negative')
  const problem = head.artifact === '' ? null : artifactNameProblem(head.artifact)
  if (problem !== null) throw invalid('head.artifact', problem)
  if (head.artifact === '') limits.checkResult(bytes)
  else limits.countArtifacts(job, [{ name: head.artifact, bytes }])
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
    return blobs.put(key, { stream: Readable.from(counted(), { objectMode: false }), bytes }, call.gone())
  return blobs.put(key, Buffer.alloc(0), call.gone())
}

/** The files that a node says it has stored. @throws INVALID_REQUEST */
export function readArtifacts(artifacts: readonly StoredArtifact__Output[]): Artifact[] {
  return artifacts.map(({ name, bytes: told, sha256 }, i) => {
    const [path, bytes] = [`artifacts.${String(i)}`, Number(told)]
    const problem = artifactNameProblem(name)
    if (problem !== null) throw invalid(`${path}.name`, problem)
    if (bytes < 0) throw invalid(`${path}.bytes`, 'must not be negative')
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw invalid(`${path}.sha256`, 'must be 64 hexadecimal digits')
    return { name, bytes, sha256 }
  })
}

const invalid = (path: string, message: string): QueueError =>
  new QueueError('INVALID_REQUEST', `What comes can not be stored: ${path} ${message}.`, {
    fields: [{ path, message }],
  })
