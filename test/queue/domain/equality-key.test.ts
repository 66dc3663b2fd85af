import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Json } from '../../../queue/domain/job.ts'
import { canonicalJson, equalityKey } from '../../../queue/domain/equality-key.ts'

const aValue = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>

/** The same value, its members the other way round at every depth, through text as a client might send it. */
function shuffled(value: Json): Json {
  if (Array.isArray(value)) return value.map(shuffled)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, member]) => [name, shuffled(member)]),
  )
}

const keyOf = (payload: Json): string => equalityKey({ task: 'a', version: '1', payload }).toString('hex')

test('the order of members, white space and the way through Postgres make no difference', () => {
  fc.assert(
    fc.property(aValue, (value) => {
      const sent = JSON.parse(JSON.stringify(shuffled(value), null, 2)) as Json
      expect(keyOf(sent)).toBe(keyOf(value))
      expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('values that differ have keys that differ', () => {
  fc.assert(
    fc.property(aValue, aValue, (one, other) => {
      const areEqual = canonicalJson(one) === canonicalJson(other)
      expect(keyOf(one) === keyOf(other)).toBe(areEqual)
      if (areEqual) expect(JSON.parse(JSON.stringify(one))).toEqual(JSON.parse(JSON.stringify(other)))
    }),
  )
  const near = [
    null,
    false,
    0,
    '0',
    '',
    [],
    [[]],
    [null],
    {},
    { a: null },
    { a: 0 },
    { a: '0' },
    { b: 0 },
    [1, 2],
    [2, 1],
    '[1,2]',
    'null',
    1e21,
    1.5,
  ]
  expect(new Set(near.map((value) => keyOf(value as Json))).size).toBe(near.length)
})

test('numbers that JSON tells alike are alike', () => {
  for (const [one, other] of [
    ['1', '1.0'],
    ['100', '1e2'],
    ['0', '-0'],
    ['1e21', '1000000000000000000000'],
  ] as const)
    expect(keyOf(JSON.parse(one) as Json)).toBe(keyOf(JSON.parse(other) as Json))
})

test('task and version belong to the key', () => {
  const keys = [
    { task: 'a', version: '1' },
    { task: 'a', version: '2' },
    { task: 'b', version: '1' },
    { task: 'a","1', version: '' },
    { task: 'a1', version: '' },
  ].map((job) => equalityKey({ ...job, payload: 1 }).toString('hex'))
  expect(new Set(keys).size).toBe(keys.length)
})
