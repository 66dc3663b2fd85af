import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromJSON } from '@grpc/proto-loader'
import { expect, test } from '@jest/globals'
import { loadAllProtocols } from '../../proto/load-protocol.ts'
import { describeSchema, findBreaks, type Schema } from '../../scripts/schema-lock.ts'

const released = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../proto/released.json'), 'utf8'),
) as Schema

test('clients of the released schema can speak with this gateway', () => {
  expect(findBreaks(released, describeSchema(loadAllProtocols()))).toEqual([])
})

/** A schema of one message, one enum and one service. */
const describe = (
  fields: Record<string, { type: string; id: number; rule?: 'repeated' }>,
  {
    values = { A: 0, B: 1 },
    methods = ['Get', 'List'],
  }: { values?: Record<string, number>; methods?: string[] } = {},
): Schema =>
  describeSchema(
    fromJSON({
      nested: {
        Thing: { fields },
        Kind: { values },
        Things: {
          methods: Object.fromEntries(
            methods.map((name) => [name, { requestType: 'Thing', responseType: 'Thing', comment: '' }]),
          ),
        },
      },
    }),
  )

test('what is removed, renumbered, retyped or renamed breaks clients; what is new does not', () => {
  const before = describe({ id: { type: 'string', id: 1 }, size: { type: 'int32', id: 2 } })
  const kept = { id: { type: 'string', id: 1 }, size: { type: 'int32', id: 2 } }
  expect(findBreaks(before, before)).toEqual([])
  expect(
    findBreaks(
      before,
      describe(
        { ...kept, more: { type: 'bytes', id: 3 } },
        { values: { A: 0, B: 1, C: 2 }, methods: ['Get', 'List', 'New'] },
      ),
    ),
  ).toEqual([])
  expect(findBreaks(before, describe({ id: kept.id }))).toEqual(['Thing 2 is gone: int32 size'])
  expect(findBreaks(before, describe({ ...kept, size: { type: 'int32', id: 3 } }))).toEqual([
    'Thing 2 is gone: int32 size',
  ])
  expect(findBreaks(before, describe({ ...kept, size: { type: 'int64', id: 2 } }))).toEqual([
    'Thing 2 is int64 size, and was int32 size',
  ])
  expect(findBreaks(before, describe({ ...kept, id: { type: 'string', id: 1, rule: 'repeated' } }))).toEqual([
    'Thing 1 is repeated string id, and was string id',
  ])
  expect(findBreaks(before, describe(kept, { values: { A: 0, C: 1 } }))).toEqual(['Kind 1 is C, and was B'])
  expect(findBreaks(before, describe(kept, { methods: ['Get'] }))).toEqual([
    'Things/List is gone: Thing -> Thing',
  ])
})
