import { createHash } from 'node:crypto'
import vm from 'node:vm'
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import type { FieldError } from '../domain/errors.ts'
import type { Json } from '../domain/job.ts'

/** What is wrong with a payload; null for nothing, 'unknown' when its schema can't tell: then the node judges. */
export type PayloadVerdict = FieldError[] | null | 'unknown'

export type CheckPayload = (schema: Record<string, unknown>, payload: Json) => PayloadVerdict

const schemasKept = 500
const fieldsTold = 20
/** All faults of a larger payload are not looked for, the first is: it could have a million. */
const wholeLookChars = 65_536
const compileDeadlineMs = 1000
const checkDeadlineMs = 100

/** Words of a schema by which a short payload can take long: backtracking, references that multiply, comparing all with all. */
const slowWords = /"(pattern|patternProperties|\$ref|\$dynamicRef|uniqueItems)"/

interface Compiled {
  first: ValidateFunction
  all: ValidateFunction
  isQuick: boolean
}

/**
 * Holds payloads, or what else `what` calls the values, against JSON Schemas (2020-12), each compiled once. Schemas come from nodes, so they are not trusted: neither compiling nor checking
 * takes longer than a deadline, and what runs into it is left to the node. Formats are not looked at.
 */
export function makeCheckPayload(what = 'payload'): CheckPayload {
  const compiled = new Map<string, Compiled | null>()
  const withDeadline = makeDeadline()

  function compile(schema: Record<string, unknown>): Compiled | null {
    const text = JSON.stringify(schema)
    const key = createHash('sha256').update(text).digest('base64')
    const known = compiled.get(key)
    if (known !== undefined) {
      compiled.delete(key) // to the newest end
      compiled.set(key, known)
      return known
    }
    const made = tryOr(null, () =>
      withDeadline(compileDeadlineMs, () => ({
        first: validator(schema, false),
        all: validator(schema, true),
        isQuick: !slowWords.test(text),
      })),
    )
    compiled.set(key, made)
    const [oldest] = compiled.keys()
    if (compiled.size > schemasKept && oldest !== undefined) compiled.delete(oldest)
    return made
  }

  return (schema, payload) => {
    if (Object.keys(schema).length === 0) return null
    const rules = compile(schema)
    if (!rules) return 'unknown'
    const run = <T>(look: () => T): T => (rules.isQuick ? look() : withDeadline(checkDeadlineMs, look))
    return tryOr<PayloadVerdict>('unknown', () =>
      run(() => {
        if (rules.first(payload)) return null
        const isSmall = JSON.stringify(payload).length <= wholeLookChars
        if (isSmall) rules.all(payload)
        const errors = (isSmall ? rules.all : rules.first).errors ?? []
        return errors.slice(0, fieldsTold).map((error) => toFieldError(what, error))
      }),
    )
  }
}

/** One Ajv a schema: their ids need not differ, and one that was stopped half way is thrown away. */
const validator = (schema: Record<string, unknown>, allErrors: boolean): ValidateFunction =>
  new Ajv2020({
    allErrors,
    strict: false,
    validateFormats: false,
    validateSchema: false,
    logger: false,
  }).compile(schema)

/** Runs what may not take long: V8 stops it at its deadline, also within a regular expression. */
function makeDeadline() {
  const sandbox: { look: () => unknown } = { look: () => undefined }
  const context = vm.createContext(sandbox)
  const script = new vm.Script('look()')
  return <T>(timeoutMs: number, look: () => T): T => {
    sandbox.look = look
    return script.runInContext(context, { timeout: timeoutMs }) as T
  }
}

function tryOr<T>(otherwise: T, action: () => T): T {
  try {
    return action()
  } catch {
    return otherwise
  }
}

function toFieldError(what: string, error: ErrorObject): FieldError {
  const path = [what, ...error.instancePath.split('/').slice(1).map(unescapePointer)]
  const params = error.params as Record<string, unknown>
  const at = (more: unknown): string => [...path, String(more)].join('.')
  switch (error.keyword) {
    case 'required':
      return { path: at(params['missingProperty']), message: 'is missing' }
    case 'additionalProperties':
      return { path: at(params['additionalProperty']), message: 'is not a field of the task' }
    case 'enum':
      return {
        path: path.join('.'),
        message: `must be one of ${JSON.stringify(params['allowedValues']).slice(0, 200)}`,
      }
    default:
      return { path: path.join('.'), message: error.message ?? 'does not fit' }
  }
}

const unescapePointer = (part: string): string => part.replaceAll('~1', '/').replaceAll('~0', '~')
