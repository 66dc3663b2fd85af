import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { makeRedactor } from '../../workers/redactor.ts'

const key = '-----BEGIN KEY-----\nMIIEvQIBADANBg+kqhki/G9w\nAoIBAQ==\n-----END KEY-----'

test('a value is hidden as it is, line by line, and as JSON, a URL or base64 write it', () => {
  const value = 'pa$$ "wörd"/+1'
  const { text } = makeRedactor({ token: value, key })
  for (const form of [
    value,
    JSON.stringify(value),
    encodeURIComponent(value),
    Buffer.from(value).toString('base64'),
  ])
    expect(text(`before ${form} after`)).toMatch(/^before "?\[secret token\]"?=* after$/)
  expect(text(key)).toBe('[secret key]')
  expect(text('1: MIIEvQIBADANBg+kqhki/G9w')).toBe('1: [secret key]')
  expect(text('nothing to hide')).toBe('nothing to hide')
})

test('where one secret begins another, the longer one is hidden whole', () => {
  const { text, stream } = makeRedactor({ short: 'hunter22', long: 'hunter2222' })
  expect(text('hunter22 hunter2222')).toBe('[secret short] [secret long]')
  const piece = stream()
  const shown = ['hunter22', '22 hunter22', ' '].map((part) => piece.push(Buffer.from(part)).toString())
  expect(shown.join('') + piece.end().toString()).toBe('[secret long] [secret short] ')
})

test('however output is cut into pieces, it comes out whole and hidden, and only what may begin a secret waits', () => {
  const values = { a: 'abababac', b: 'babababä', c: 'line one\nline two!' }
  const redactor = makeRedactor(values)
  const parts = fc.constantFrom('a', 'b', 'ab', 'c', '\n', 'ä', 'line ', ...Object.values(values))
  fc.assert(
    fc.property(
      fc.array(parts, { maxLength: 30 }),
      fc.array(fc.nat(12), { maxLength: 40 }),
      (words, cuts) => {
        const bytes = Buffer.from(words.join(''))
        const stream = redactor.stream()
        let shown = ''
        let from = 0
        for (const cut of cuts) {
          shown += stream.push(bytes.subarray(from, from + cut)).toString('latin1')
          from += cut
        }
        shown += stream.push(bytes.subarray(from)).toString('latin1') + stream.end().toString('latin1')
        const text = Buffer.from(shown, 'latin1').toString()
        expect(redactor.findIn(text)).toBeUndefined()
        expect(text).toBe(redactor.text(words.join('')))
      },
    ),
    { numRuns: 500 },
  )
  const stream = redactor.stream()
  expect(stream.push(Buffer.from('a whole line of output\n')).toString()).toBe('a whole line of output\n')
})
