import { z } from 'zod'
import { roles } from '../../queue/domain/user.ts'

const noNul = (text: string): boolean => !text.includes('\0')

export const username = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/,
    'must be 1 to 64 letters, digits, dots, dashes, underscores or @',
  )

/** New passwords; a login takes any text, so that it tells nothing about the rules. */
export const newPassword = z
  .string()
  .min(12, 'must be at least 12 characters')
  .max(1024, 'must be at most 1024 characters')
  .refine(noNul, 'must not hold a NUL character')

export const tenant = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be 1 to 63 lower-case letters, digits or dashes')

export const loginBody = z
  .strictObject({ username: z.string().min(1).max(256), password: z.string().min(1).max(1024) })
  .meta({ id: 'Login' })

export const refreshBody = z
  .strictObject({ refreshToken: z.string().min(1).max(256) })
  .meta({ id: 'Refresh' })

export const logoutBody = z
  .strictObject({
    refreshToken: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .describe('Ends its session; without it all sessions of the user end.'),
  })
  .meta({ id: 'Logout' })

export const tokenView = z
  .object({
    accessToken: z.string(),
    refreshToken: z.string(),
    tokenType: z.literal('Bearer'),
    expiresIn: z.number().describe('Seconds until the access token expires.'),
  })
  .meta({ id: 'Tokens' })

export const createUserBody = z
  .strictObject({
    username,
    password: newPassword,
    role: z.enum(roles),
    tenant: tenant.default('default').describe('Whose jobs the user sees. Admins see all.'),
  })
  .meta({ id: 'NewUser' })

export const changeUserBody = z
  .strictObject({
    password: newPassword.optional(),
    role: z.enum(roles).optional(),
    disabled: z.boolean().optional(),
  })
  .refine((change) => Object.keys(change).length > 0, 'must change something: password, role or disabled')
  .meta({ id: 'UserChange' })

export const userView = z
  .object({
    id: z.uuid(),
    username: z.string(),
    role: z.enum(roles),
    tenant: z.string(),
    disabledAt: z.iso.datetime().nullable(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'User' })

export const auditView = z
  .object({
    id: z.uuid(),
    at: z.iso.datetime(),
    userId: z.uuid().nullable(),
    username: z.string().nullable(),
    tenant: z.string().nullable(),
    action: z.string(),
    target: z.string().nullable(),
    network: z.string().nullable(),
    requestId: z.string().nullable(),
    details: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'AuditEntry' })
