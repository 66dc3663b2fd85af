import { z } from 'zod'

/** An option that is a whole number; text, as the environment has it, counts. */
export const integer = (min: number, max = Number.MAX_SAFE_INTEGER) =>
  z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .min(min, `must be at least ${String(min)}`)
    .max(max, `must be at most ${String(max)}`)

export const port = integer(0, 65_535)

/** A list in a file, or text with commas. */
export const list = z.union([z.array(z.string()), z.string().transform(splitList)])

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part.length > 0)
}

/** True or false, also as text. */
export const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')])

export const secretKey = z
  .string()
  .refine(
    (text) => Buffer.byteLength(text) >= 32,
    'must be at least 32 bytes; make one with `openssl rand -base64 48`',
  )

/** A value that is a mapping in a file and JSON text in an environment variable. */
export const jsonText = (value: unknown): unknown => {
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}

export const pem = z.string().regex(/^-----BEGIN [A-Z0-9 ]+-----/m, 'must be PEM, beginning with -----BEGIN')
