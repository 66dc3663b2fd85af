import { z } from 'zod'

/** An option that is a whole number; text, as the environment has it, counts. */
export const integer = (min: number, max = Number.MAX_SAFE_INTEGER) =>
  z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .min(min, `must be at least ${String(min)}`)
    .max(max, `must be at most ${String(max)}`)
