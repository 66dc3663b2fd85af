import { z } from 'zod'
import { secretMisfit, secretNamePattern } from '../../queue/domain/secret.ts'
import { tenant } from './user-shapes.ts'

export const secretParam = z.object({
  name: z
    .string()
    .regex(
      secretNamePattern,
      'must begin with a letter, then letters, digits, dots, dashes or underscores, at most 64',
    ),
})

export const secretQuery = z.strictObject({
  tenant: tenant.optional().describe('Whose; for admins only. By default that of the caller.'),
})

export const setSecretBody = z
  .strictObject({
    value: z
      .string()
      .superRefine((value, context) => {
        const message = secretMisfit(value)
        if (message !== null) context.addIssue({ code: 'custom', message })
      })
      .describe('Text of at most 16,384 bytes, with 8 characters or more in a line. It is never told again.'),
  })
  .meta({ id: 'SecretValue' })

export const secretView = z
  .object({
    name: z.string(),
    version: z.number().describe('How often it was set.'),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Secret' })
