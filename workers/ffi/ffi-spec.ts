import { z } from 'zod'
import { ffiManifest } from './ffi-manifest.ts'
import { readSignature } from './signature.ts'

/** A manifest whose task is a function of a C library. What else describes the task is looked at where all tasks are. */
const ffiSpec = z.looseObject({
  input: z.unknown().optional(),
  output: z.unknown().optional(),
  ffi: ffiManifest,
  run: z.never('stands beside ffi; a task is either a program or a function').optional(),
  secrets: z.never('is of no use to a function, which gets its parameters only').optional(),
})
export type FfiSpec = z.output<typeof ffiSpec>

/** @throws Error that names what is wrong with it */
export function readFfiSpec(json: unknown): FfiSpec {
  const parsed = ffiSpec.safeParse(json)
  if (!parsed.success)
    throw new Error(
      parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`).join('; '),
    )
  readSignature(parsed.data.ffi)
  return parsed.data
}
