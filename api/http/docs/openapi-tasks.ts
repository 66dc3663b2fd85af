import { Ajv2020 } from 'ajv/dist/2020.js'
import type { TaskOffer } from '../../../queue/domain/node.ts'

type Schema = Record<string, unknown>

/** As far as it is looked into: the document of the routes. */
export interface ApiDocument {
  paths?: Record<string, { post?: { requestBody?: unknown } }>
  components?: { schemas?: Record<string, unknown> }
}

/** More, or larger ones, are not shown. */
const mostTasks = 500
const mostBytes = 4_194_304

/**
 * The document with the catalogue: for each task the schemas of its payload, its result and its submission, and POST /v1/jobs takes any of these.
 * Schemas come from nodes: one that is not valid JSON Schema (2020-12), or reaches beyond itself, is not taken over.
 */
export function withTasks(document: ApiDocument, tasks: readonly TaskOffer[]): ApiDocument {
  const isSchema = makeSchemaCheck()
  const schemas: Record<string, unknown> = {}
  const shown: TaskOffer[] = []
  let bytes = 0
  for (const task of tasks) {
    const own = schemasOf(task, isSchema)
    bytes += JSON.stringify(own).length
    if (bytes > mostBytes || shown.length === mostTasks) break
    Object.assign(schemas, own)
    shown.push(task)
  }
  const jobs = shown.map(({ name }) => `#/components/schemas/task.${name}.job`)
  const rest = tasks.length - shown.length
  const any = {
    anyOf: [
      ...jobs.map(($ref) => ({ $ref })),
      ...(rest > 0 || jobs.length === 0 ? [{ $ref: submission }] : []),
    ],
    discriminator: {
      propertyName: 'task',
      mapping: Object.fromEntries(shown.map(({ name }, i) => [name, jobs[i]])),
    },
  }
  const { post, ...otherMethods } = document.paths?.['/v1/jobs'] ?? {}
  return {
    ...document,
    paths: {
      ...document.paths,
      '/v1/jobs': {
        ...otherMethods,
        post: { ...post, requestBody: { required: true, content: { 'application/json': { schema: any } } } },
      },
    },
    components: { ...document.components, schemas: { ...document.components?.schemas, ...schemas } },
    ...{
      'x-noodle-tasks': shown.map(({ name, version, kind, defaults, secrets }) => ({
        name,
        version,
        kind,
        ...(defaults && { defaults }),
        ...(secrets && { secrets }),
      })),
      ...(rest > 0 && { 'x-noodle-tasks-left-out': rest }),
    },
  }
}

const submission = '#/components/schemas/JobSubmission'

function schemasOf(task: TaskOffer, isSchema: (schema: Schema) => boolean): Record<string, unknown> {
  const place = (part: string): string => `task.${task.name}.${part}`
  const pointer = (part: string): string => `#/components/schemas/${place(part)}`
  const adopt = (schema: Schema, part: string): unknown =>
    tryMove(schema, pointer(part), isSchema) ?? {
      description: 'What the node published is no JSON Schema (2020-12) that can stand here.',
    }
  return {
    [place('payload')]: adopt(task.payloadSchema, 'payload'),
    [place('result')]: adopt(task.resultSchema, 'result'),
    [place('job')]: {
      title: `A job of the task ${task.name}`,
      description: task.description,
      allOf: [{ $ref: submission }],
      properties: { task: { const: task.name }, payload: { $ref: pointer('payload') } },
      required: ['task'],
    },
  }
}

function tryMove(schema: Schema, to: string, isSchema: (schema: Schema) => boolean): unknown {
  try {
    return isSchema(schema) ? moveRefs(schema, to) : undefined
  } catch {
    return undefined // nested too deeply to be looked at
  }
}

function makeSchemaCheck(): (schema: Schema) => boolean {
  const ajv = new Ajv2020({ strict: false, logger: false, validateFormats: false })
  return (schema) => ajv.validateSchema(schema) === true
}

/** Words of JSON Schema whose values are data, and such whose values are schemas by a name of their own. */
const dataWords = new Set(['const', 'enum', 'default', 'examples', 'example'])
const mapWords = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'])

/** Such as would give a part an address of its own. */
const addressWords = new Set(['$id', '$anchor', '$dynamicAnchor', '$dynamicRef', '$vocabulary'])

/** A pointer counts from the document, so those of a schema that is moved into it must too. Undefined when it has other addresses than pointers into itself. */
function moveRefs(schema: unknown, to: string): unknown {
  const found = { isOutside: false }
  const moved = move(schema)
  return found.isOutside ? undefined : moved

  function move(part: unknown): unknown {
    if (Array.isArray(part)) return part.map(move)
    if (typeof part !== 'object' || part === null) return part
    return Object.fromEntries(
      Object.entries(part).map(([word, value]: [string, unknown]) => {
        if (addressWords.has(word)) found.isOutside = true
        if (word === '$ref') return [word, pointerOf(value)]
        if (dataWords.has(word)) return [word, value]
        if (mapWords.has(word) && typeof value === 'object' && value !== null)
          return [word, Object.fromEntries(Object.entries(value).map(([name, each]) => [name, move(each)]))]
        return [word, move(value)]
      }),
    )
  }

  function pointerOf(ref: unknown): string {
    if (typeof ref === 'string' && /^#(\/|$)/.test(ref)) return to + ref.slice(1)
    found.isOutside = true
    return to
  }
}
