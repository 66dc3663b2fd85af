import type { z } from 'zod'
import { didYouMean } from '../../core/did-you-mean.ts'
import { type FieldError, QueueError } from '../../queue/domain/errors.ts'

/** Checks a value against a schema. @throws INVALID_REQUEST naming each wrong field */
export function validate<T extends z.ZodType>(schema: T, value: unknown, what: string): z.output<T> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const fields = fieldErrors(parsed.error, schema)
  throw new QueueError('INVALID_REQUEST', summarise(fields, what), { fields })
}

export function summarise(fields: readonly FieldError[], what: string): string {
  const [first] = fields
  if (!first) return `${what} is not valid.`
  const more = fields.length > 1 ? ` (and ${String(fields.length - 1)} more)` : ''
  return `${first.path === '' ? what : first.path} ${first.message}${more}.`
}

/** One entry a wrong field; an unknown field is named itself, with the name that was probably meant. */
export function fieldErrors(error: z.ZodError, schema?: z.ZodType): FieldError[] {
  return error.issues.flatMap((issue) => flatten(issue, schema))
}

function flatten(issue: z.core.$ZodIssue, schema?: z.ZodType): FieldError[] {
  const path = issue.path.map(String).join('.')
  if (issue.code === 'unrecognized_keys') {
    const known = issue.path.length === 0 ? namesOf(schema) : []
    return issue.keys.map((key) => ({
      path: path ? `${path}.${key}` : key,
      message: `is not a field that exists here${didYouMean(key, known)}`,
    }))
  }
  if (/received undefined$/.test(issue.message))
    return [{ path, message: `is missing; ${expected(issue.message)}` }]
  if (issue.code === 'invalid_key')
    return issue.issues.map((inner) => ({ path, message: `has a name that ${lower(inner.message)}` }))
  return [{ path, message: lower(issue.message) }]
}

function namesOf(schema: z.ZodType | undefined): string[] {
  const shape: unknown = schema && 'shape' in schema ? schema.shape : undefined
  return typeof shape === 'object' && shape !== null ? Object.keys(shape) : []
}

const expected = (message: string): string =>
  (/expected ([^,]+)/.exec(message)?.[1] ?? 'a value') + ' is expected'

const lower = (message: string): string => message.charAt(0).toLowerCase() + message.slice(1)
