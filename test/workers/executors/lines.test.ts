import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { makeLines } from '../../../workers/executors/lines.ts'

function cut(chunks: Buffer[], mostBytes: number): [string, boolean][] {
  const seen: [string, boolean][] = []
  const lines = makeLines(mostBytes, (text, isCut) => seen.push([text, isCut]))
  for (const chunk of chunks) lines.push(chunk)
  lines.end()
  return seen
}

test('lines come whole however the bytes are split, and the last one needs no end', () => {
  const bytes = Buffer.from('ünï\r\n\n{"a":1}\nrest')
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 6 }), (places) => {
      const at = [0, ...places.sort((a, b) => a - b), bytes.length]
      const chunks = at.slice(1).map((end, i) => bytes.subarray(at[i], end))
      expect(cut(chunks, 100)).toEqual([
        ['ünï', false],
        ['{"a":1}', false],
        ['rest', false],
      ])
    }),
  )
})

test('of a line that is too long only the beginning is kept, and the next line is read again', () => {
  const long = Buffer.alloc(50_000, 'x')
  expect(cut([long, long, Buffer.from('y\nnext\n')], 10)).toEqual([
    ['x'.repeat(10), true],
    ['next', false],
  ])
})
