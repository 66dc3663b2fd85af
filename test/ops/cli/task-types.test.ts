import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { renderTasks } from '../../../ops/cli/task-types/render-tasks.ts'
import { makeSchemaTypes } from '../../../ops/cli/task-types/schema-types.ts'
import { aFolder } from '../../support/cli.ts'

const typeOf = (schema: unknown): string =>
  makeSchemaTypes(schema, 'T', new Set(['T']))
    .join('\n')
    .replaceAll(/export type |\n$/g, '')

test.each<[string, unknown, string]>([
  ['nothing said', {}, 'T = unknown'],
  ['nothing fits', false, 'T = never'],
  ['several types', { type: ['integer', 'null'] }, 'T = number | null'],
  ['values', { type: 'string', enum: ['a', 'b', "it's"] }, 'T = "a" | "b" | "it\'s"'],
  ['a value', { const: { a: [1, null] } }, 'T = { a: [1, null] }'],
  [
    'a list of several',
    { type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'number' }] } },
    'T = (string | number)[]',
  ],
  [
    'a tuple',
    { prefixItems: [{ type: 'string' }, { type: 'number' }], items: false, minItems: 1 },
    'T = [string, number?]',
  ],
  [
    'a tuple of earlier drafts',
    { items: [{ type: 'string' }], additionalItems: { type: 'null' } },
    'T = [string?, ...null[]]',
  ],
  ['any object', { type: 'object' }, 'T = { [name: string]: unknown }'],
  ['an empty object', { type: 'object', additionalProperties: false }, 'T = { [name: string]: never }'],
  [
    'a record',
    { type: 'object', additionalProperties: { type: 'number' } },
    'T = { [name: string]: number }',
  ],
  [
    'an object',
    { properties: { a: { type: 'string', description: 'Its name.' }, 'b-c': {} }, required: ['a', 'd'] },
    'T = {\n  /** Its name. */\n  a: string\n  "b-c"?: unknown\n  d: unknown\n}',
  ],
  [
    'an object with others beside',
    { properties: { a: { type: 'string' } }, additionalProperties: { type: 'number' } },
    'T = {\n  a?: string\n  [name: string]: number | string | undefined\n}',
  ],
  ['one of several that may be anything', { anyOf: [{ type: 'string' }, {}] }, 'T = unknown'],
  [
    'all of several',
    { allOf: [{ type: ['string', 'null'] }, { type: 'string' }, {}] },
    'T = (string | null) & string',
  ],
  ['a list of itself', { type: 'array', items: { $ref: '#' } }, 'T = T[]'],
  [
    'a circle',
    { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } },
    'T = unknown',
  ],
  [
    'a reference',
    { type: 'array', items: { $ref: '#/$defs/a~1b' }, $defs: { 'a/b': { type: 'string' } } },
    'T = TA1b[]\n\nTA1b = string',
  ],
  ['a reference to elsewhere', { $ref: 'file:///etc/passwd' }, 'T = unknown'],
  [
    'a reference to nothing',
    { properties: { a: { $ref: '#/$defs/none' } } },
    'T = {\n  a?: TNone\n}\n\nTNone = unknown',
  ],
])('%s', (_, schema, expected) => {
  expect(typeOf(schema)).toBe(expected)
})

test('a schema that unfolds without end is cut short', () => {
  const both = (name: string) => ({
    anyOf: [{ allOf: [{ $ref: `#/$defs/${name}` }] }, { $ref: `#/$defs/${name}` }],
  })
  const $defs = Object.fromEntries(
    Array.from({ length: 60 }, (_, i) => [`d${String(i)}`, both(`d${String(i + 1)}`)]),
  )
  expect(typeOf({ $ref: '#/$defs/d0', $defs }).length).toBeLessThan(1_000_000)
})

interface Sample {
  schema: object
  value: unknown
}

const keys = fc.string({ unit: 'binary', maxLength: 5 }).filter((key) => key !== '__proto__')
const text = fc.string({ unit: 'binary', maxLength: 12 })
const trap = fc.constantFrom('*/ let x: number = "a" /*', '/** ', '`${1}', '"]}', '\u2028', 'a\nb\r\nc')

/** Schemas, each with a value that fits it. */
const { sample: samples } = fc.letrec<{ sample: Sample }>((tie) => {
  const described = fc.option(fc.oneof(text, trap), { nil: undefined })
  const leaf = fc.oneof(
    fc
      .tuple(fc.oneof(text, trap), described)
      .map(([value, description]) => ({ schema: { type: 'string', description }, value })),
    fc
      .double({ noNaN: true, noDefaultInfinity: true })
      .map((value) => ({ schema: { type: 'number' }, value })),
    fc.boolean().map((value) => ({ schema: { type: ['boolean', 'null'] }, value })),
    fc.constant({ schema: { type: 'null' }, value: null }),
    fc
      .jsonValue({ maxDepth: 2 })
      .filter((value) => !JSON.stringify(value).includes('"__proto__"'))
      .map((value) => ({ schema: { const: value }, value })),
    fc
      .array(fc.oneof(text, trap), { minLength: 1, maxLength: 3 })
      .map((all) => ({ schema: { enum: all }, value: all[0] })),
  )
  const list = fc.array(tie('sample'), { maxLength: 3 })
  return {
    sample: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      leaf,
      tie('sample').map(({ schema, value }) => ({
        schema: { type: 'array', items: schema },
        value: [value, value],
      })),
      list.map((all) => ({
        schema: { type: 'array', prefixItems: all.map(({ schema }) => schema), minItems: all.length },
        value: all.map(({ value }) => value),
      })),
      fc
        .tuple(tie('sample'), tie('sample'))
        .map(([one, other]) => ({ schema: { anyOf: [other.schema, one.schema] }, value: one.value })),
      fc
        .tuple(fc.dictionary(keys, tie('sample'), { maxKeys: 4 }), fc.boolean(), fc.option(tie('sample')))
        .map(([members, isRequired, other]) => ({
          schema: {
            type: 'object',
            properties: Object.fromEntries(Object.entries(members).map(([key, { schema }]) => [key, schema])),
            required: isRequired ? Object.keys(members) : [],
            additionalProperties: other?.schema ?? false,
          },
          value: {
            ...(other && { 'another one': other.value }),
            ...Object.fromEntries(Object.entries(members).map(([key, { value }]) => [key, value])),
          },
        })),
    ),
  }
})

test('whatever the schemas and names, the types compile, and take values that fit', () => {
  const folder = aFolder()
  const tasks = fc.sample(
    fc.tuple(fc.stringMatching(/^[A-Za-z][A-Za-z0-9._-]{0,8}$/), samples, fc.oneof(text, trap)),
    60,
  )
  const types = renderTasks(
    tasks.map(([name, { schema }, description], i) => ({
      name: `${name}${String(i)}`,
      description,
      payloadSchema: schema,
      resultSchema: { $ref: '#/$defs/a', $defs: { a: { type: 'array', items: { $ref: '#/$defs/a' } } } },
    })),
  )
  writeFileSync(join(folder, 'tasks.ts'), types)
  const uses = tasks.map(
    ([name, { value }], i) =>
      `const v${String(i)}: Tasks[${JSON.stringify(`${name}${String(i)}`)}]['payload'] = ${JSON.stringify(value)}; v${String(i)};`,
  )
  writeFileSync(join(folder, 'uses.ts'), `import type { Tasks } from './tasks.js'\n${uses.join('\n')}\n`)
  const compiler = join(import.meta.dirname, '../../../node_modules/typescript/bin/tsc')
  const options = '--noEmit --ignoreConfig --strict --module nodenext --target es2022 --skipLibCheck uses.ts'
  const { stdout } = spawnSync(process.execPath, [compiler, ...options.split(' ')], {
    cwd: folder,
    encoding: 'utf8',
  })
  const [, line] = /^uses\.ts\((\d+)/m.exec(stdout) ?? []
  const seen = line === undefined ? undefined : tasks[Number(line) - 2]
  expect({ stdout, seen: JSON.stringify(seen) }).toEqual({ stdout: '', seen: undefined })
})
