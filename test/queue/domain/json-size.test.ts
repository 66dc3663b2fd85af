import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Json } from '../../../queue/domain/job.ts'
import { isCertainlyWithin } from '../../../queue/domain/json-size.ts'

const bytesOf = (value: Json): number => Buffer.byteLength(JSON.stringify(value))

test('a value that is said to be within so many bytes is', () => {
  const value = fc.jsonValue({ stringUnit: 'binary' }) as fc.Arbitrary<Json>
  fc.assert(
    fc.property(
      value,
      fc.nat(2000),
      (json, bytes) => !isCertainlyWithin(json, bytes) || bytesOf(json) <= bytes,
    ),
    { numRuns: 400 },
  )
})

test.each([
  ['control characters, which grow most', { a: '\u001f'.repeat(100) }],
  ['halves of surrogate pairs', ['\ud800'.repeat(100)]],
  ['long numbers', Array.from({ length: 100 }, (_, i) => -0.0000012345678901234567 * (1 + i / 1e15))],
  ['names', Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`\u0001${String(i)}`, null]))],
  ['empty things', Array.from({ length: 100 }, () => [{}, []])],
] as [string, Json][])('it counts %s at their longest', (_, json) => {
  expect(isCertainlyWithin(json, bytesOf(json) - 1)).toBe(false)
})

test('a small value needs no text', () => {
  expect(isCertainlyWithin({ model: 'whisper-small', options: { beam: 5 } }, 1000)).toBe(true)
})
