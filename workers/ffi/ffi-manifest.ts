import { z } from 'zod'

/** The member `ffi` of a manifest. */
export const ffiManifest = z.strictObject({
  library: z.string().min(1),
  function: z.string().min(1).max(4096),
  types: z.record(z.string(), z.union([z.string(), z.record(z.string(), z.string())])).default({}),
  params: z
    .record(
      z.string(),
      z.strictObject({
        direction: z.enum(['in', 'out', 'inout']).optional(),
        length: z.union([z.number().int().min(1), z.string().min(1)]).optional(),
        resultLength: z.string().min(1).optional(),
        lengthOf: z.string().min(1).optional(),
        value: z.union([z.number(), z.string(), z.boolean(), z.null()]).optional(),
      }),
    )
    .default({}),
  failsWhen: z.enum(['negative', 'zero', 'nonzero']).optional(),
})
export type FfiManifest = z.output<typeof ffiManifest>
