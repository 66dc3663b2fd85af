import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { StoredBlob } from './blob-store.ts'

/** Hashes the pieces of a stream as they are taken. Throws at the first byte too many, and at an end that comes too soon. */
export function measureStream(
  source: Readable,
  bytes: number,
): { pieces: AsyncGenerator<Buffer, void, undefined>; result: () => StoredBlob } {
  const hash = createHash('sha256')
  let seen = 0
  async function* take(): AsyncGenerator<Buffer, void, undefined> {
    for await (const piece of source as AsyncIterable<Buffer>) {
      seen += piece.length
      if (seen > bytes)
        throw new Error(`The stream has more than the ${String(bytes)} bytes that it should have.`)
      hash.update(piece)
      yield piece
    }
    if (seen < bytes)
      throw new Error(
        `The stream ended after ${String(seen)} of the ${String(bytes)} bytes that it should have.`,
      )
  }
  return { pieces: take(), result: () => ({ bytes: seen, sha256: hash.digest('hex') }) }
}

export const sha256Of = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
