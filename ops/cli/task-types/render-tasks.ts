import { comment, propertyName } from './source-text.ts'
import { makeSchemaTypes } from './schema-types.ts'

/** What is read of a task of the catalogue. */
export interface DescribedTask {
  name: string
  description: string
  /** JSON Schemas. */
  payloadSchema: unknown
  resultSchema: unknown
}

/**
 * A TypeScript file with the payload and the result of each task, for `new NoodleClient<Tasks>` (client/README.md). Equal catalogues give equal files.
 *
 * Ours and not json-schema-to-typescript's: that brings prettier and lodash along, reads files and URLs that a schema refers to, though schemas come from nodes,
 * and knows the drafts before 2020-12.
 */
export function renderTasks(tasks: readonly DescribedTask[]): string {
  const taken = new Set<string>(['Tasks'])
  const named = [...tasks]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((task) => ({ ...task, types: namesFor(task.name, taken) }))
  const members = named.map(
    ({ name, description, types }) =>
      `${comment(description, '  ')}  ${propertyName(name)}: { payload: ${types.payload}; result: ${types.result} }\n`,
  )
  return [
    '/* Made by `noodle tasks types`; make it anew when the tasks change. */\n',
    `/** Payload and result of each task, for \`new NoodleClient<Tasks>(…)\`. */\nexport interface Tasks {\n${members.join('')}}\n`,
    ...named.flatMap(({ types, payloadSchema, resultSchema }) => [
      ...makeSchemaTypes(payloadSchema, types.payload, taken),
      ...makeSchemaTypes(resultSchema, types.result, taken),
    ]),
  ].join('\n')
}

/** Names of types that nobody has: `resize-image` and `resize.image` would have the same. */
function namesFor(task: string, taken: Set<string>): { payload: string; result: string } {
  const base = toTypeName(task)
  for (let i = 1; ; i++) {
    const own = i === 1 ? base : `${base}_${String(i)}`
    const names = { payload: `${own}Payload`, result: `${own}Result` }
    if (taken.has(names.payload) || taken.has(names.result)) continue
    taken.add(names.payload).add(names.result)
    return names
  }
}

/** `resize-image` is ResizeImage. Names of tasks begin with a letter. */
const toTypeName = (name: string): string =>
  name.replace(/(?:^|[^A-Za-z0-9]+)([A-Za-z0-9]?)/g, (_, first: string) => first.toUpperCase())
