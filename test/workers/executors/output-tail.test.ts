import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { makeOutputTail } from '../../../workers/executors/output-tail.ts'

test('whatever the pieces are, the last bytes are kept, from a whole character on', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'binary' })),
      fc.integer({ min: 8, max: 40 }),
      (pieces, limitBytes) => {
        const tail = makeOutputTail(limitBytes)
        const whole = pieces.join('').replaceAll('\0', '\uFFFD')
        for (const piece of pieces) tail.push(Buffer.from(piece))
        const bytes = Buffer.byteLength(pieces.join(''))
        expect(tail.isTruncated()).toBe(bytes > limitBytes)
        expect(whole.endsWith(tail.text())).toBe(true)
        expect(Buffer.byteLength(tail.text().replaceAll('\uFFFD', ' '))).toBeLessThanOrEqual(limitBytes)
        if (bytes <= limitBytes) expect(tail.text()).toBe(whole)
      },
    ),
  )
})

test('what is no UTF-8 and NUL characters become text that Postgres can hold', () => {
  const tail = makeOutputTail(100)
  tail.push(Buffer.from([0x61, 0x00, 0xff, 0xfe, 0xed, 0xa0, 0x80, 0x62]))
  expect(tail.text()).toMatch(/^a\uFFFD+b$/)
  expect(tail.text().isWellFormed()).toBe(true)
})
