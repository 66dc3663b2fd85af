import { randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'

const bytesPerId = 16
/** One call to the random source for so many ids: asked per id, it costs more than all else of an id. */
const idsPerFill = 512

/**
 * A source of UUIDv7 (RFC 9562, 5.7 with the counter of 6.2 method 1): each is greater than the ones before it from the same source, also within a
 * millisecond and when the clock steps back.
 */
export function makeTimeOrderedIds(nowMs: () => number = Date.now): () => string {
  const pool = new Uint8Array(bytesPerId * idsPerFill)
  let at = pool.length
  let msecs = -Infinity
  let seq = 0
  return () => {
    if (at >= pool.length) {
      randomFillSync(pool)
      at = 0
    }
    const random = pool.subarray(at, at + bytesPerId)
    at += bytesPerId
    const now = nowMs()
    if (now > msecs) {
      msecs = now
      // 31 bits, so that there is room to count up within the millisecond.
      seq = new DataView(random.buffer, random.byteOffset).getUint32(6) >>> 1
    } else seq++
    return v7({ random, msecs, seq })
  }
}
