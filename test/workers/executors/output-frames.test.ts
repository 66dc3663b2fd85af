import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { makeFrameReader } from '../../../workers/executors/output-frames.ts'

function frame(stream: 1 | 2, output: Uint8Array): Buffer {
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(output.length, 4)
  return Buffer.concat([header, output])
}

test('frames are taken apart wherever the chunks are cut', () => {
  const output = fc.record({
    stream: fc.constantFrom(1 as const, 2 as const),
    bytes: fc.uint8Array({ maxLength: 20 }),
  })
  fc.assert(
    fc.property(
      fc.array(output),
      fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1 }),
      (outputs, sizes) => {
        const seen: Record<1 | 2, Buffer[]> = { 1: [], 2: [] }
        const read = makeFrameReader({
          stdout: (piece) => seen[1].push(piece),
          stderr: (piece) => seen[2].push(piece),
        })
        const wire = Buffer.concat(outputs.map(({ stream, bytes }) => frame(stream, bytes)))
        for (let at = 0, turn = 0; at < wire.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1
          read(Buffer.from(wire.subarray(at, at + size)))
          at += size
        }
        for (const stream of [1, 2] as const)
          expect(Buffer.concat(seen[stream])).toEqual(
            Buffer.concat(outputs.filter((one) => one.stream === stream).map(({ bytes }) => bytes)),
          )
      },
    ),
  )
})

test('a million frames of a byte in one chunk are no trouble', () => {
  let bytes = 0
  const read = makeFrameReader({ stdout: (piece) => (bytes += piece.length), stderr() {} })
  read(
    Buffer.concat(
      Array.from({ length: 100 }, () =>
        Buffer.concat(Array.from({ length: 10_000 }, () => frame(1, Buffer.from('x')))),
      ),
    ),
  )
  expect(bytes).toBe(1_000_000)
})
