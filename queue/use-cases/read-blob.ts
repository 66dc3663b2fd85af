import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { BlobRef } from '../domain/blob.ts'
import { QueueError } from '../domain/errors.ts'
import type { Json } from '../domain/job.ts'
import type { QueueDeps } from './queue-deps.ts'

/**
 * A blob as a stream. The last piece is held back until the whole has proved to have the length and checksum of its reference: what is damaged can't be
 * taken for complete.
 * @throws BLOB_LOST when it is gone, or by the stream when it is damaged; BLOBS_UNAVAILABLE
 */
export async function readBlob(
  deps: Pick<QueueDeps, 'blobs'>,
  ref: BlobRef,
  signal?: AbortSignal,
): Promise<Readable> {
  return Readable.from(verified(await deps.blobs.get(ref.key, { signal }), ref), { objectMode: false })
}

/** A payload or result. @throws as readBlob */
export async function readJsonBlob(
  deps: Pick<QueueDeps, 'blobs'>,
  ref: BlobRef,
  signal?: AbortSignal,
): Promise<Json> {
  const bytes = await buffer(await readBlob(deps, ref, signal))
  return JSON.parse(bytes.toString('utf8')) as Json
}

async function* verified(source: Readable, ref: BlobRef): AsyncGenerator<Buffer, void, undefined> {
  const hash = createHash('sha256')
  let seen = 0
  let held: Buffer | undefined
  for await (const piece of source as AsyncIterable<Buffer>) {
    seen += piece.length
    if (seen > ref.bytes) break
    hash.update(piece)
    if (held) yield held
    held = piece
  }
  if (seen !== ref.bytes || hash.digest('hex') !== ref.sha256)
    throw new QueueError(
      'BLOB_LOST',
      `${ref.key} is damaged: it is not the ${String(ref.bytes)} bytes with the checksum that were stored.`,
    )
  if (held) yield held
}
