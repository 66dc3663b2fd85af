import { performance } from 'node:perf_hooks'
import { expect, test } from '@jest/globals'
import { makeCheckPayload } from '../../../queue/use-cases/check-payload.ts'

const check = makeCheckPayload()

test('each wrong field is named by its path, with what is wrong', () => {
  const schema = {
    type: 'object',
    properties: {
      size: { type: 'integer', minimum: 1 },
      kind: { enum: ['a', 'b'] },
      list: { type: 'array', items: { type: 'object', required: ['x'] } },
      'odd/name': { type: 'string' },
    },
    required: ['size', 'kind'],
    additionalProperties: false,
  }
  expect(check(schema, { size: 3, kind: 'a' })).toBeNull()
  expect(check(schema, { size: 0, list: [{ x: 1 }, {}], more: 1, 'odd/name': 5 })).toEqual(
    expect.arrayContaining([
      { path: 'payload.kind', message: 'is missing' },
      { path: 'payload.size', message: 'must be >= 1' },
      { path: 'payload.list.1.x', message: 'is missing' },
      { path: 'payload.more', message: 'is not a field of the task' },
      { path: 'payload.odd/name', message: 'must be string' },
    ]),
  )
  expect(check(schema, { size: 1, kind: 'c' })).toEqual([
    { path: 'payload.kind', message: 'must be one of ["a","b"]' },
  ])
  expect(check({}, 5)).toBeNull()
})

test('a large payload with countless faults is told its first', () => {
  const schema = { type: 'array', items: { type: 'string' } }
  expect(
    check(
      schema,
      Array.from({ length: 200_000 }, () => 1),
    ),
  ).toEqual([{ path: 'payload.0', message: 'must be string' }])
})

const doubling = Object.fromEntries(
  Array.from({ length: 40 }, (_, i) => [
    `d${String(i)}`,
    { allOf: [{ $ref: `#/$defs/d${String(i + 1)}` }, { $ref: `#/$defs/d${String(i + 1)}` }] },
  ]),
)

test.each([
  ['backtracks', { type: 'string', pattern: '^(a|a)*$' }, `${'a'.repeat(40)}b`],
  ['multiplies its references', { $ref: '#/$defs/d0', $defs: { ...doubling, d40: { type: 'string' } } }, 'x'],
  ['is no schema', { type: 'no such type' }, 1],
  ['refers to what is not there', { $ref: 'elsewhere.json' }, 1],
  ['goes round in circles', { $defs: { a: { $ref: '#/$defs/a' } }, $ref: '#/$defs/a' }, 1],
])('a schema that %s is left to the node, soon', (_, schema, payload) => {
  const startedMs = performance.now()
  expect(check(schema, payload)).toBe('unknown')
  expect(performance.now() - startedMs).toBeLessThan(10_000)
})

test('a schema can not reach the objects of this process', () => {
  const schema = JSON.parse('{"type":"object","properties":{"__proto__":{"type":"string"}}}') as Record<
    string,
    unknown
  >
  check(schema, JSON.parse('{"__proto__":{"polluted":true}}'))
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
})
