import { z } from 'zod'
import { integer, jsonText, list, secretKey } from './kinds.ts'

const tierName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be lower-case letters, digits and dashes, at most 32')
const tierTable = z
  .array(
    z.strictObject({
      name: tierName,
      cpu: z.number().positive(),
      memoryMb: z.number().int().positive(),
      gpu: z.number().int().min(0),
    }),
  )
  .min(1)
  .refine((tiers) => new Set(tiers.map((tier) => tier.name)).size === tiers.length, 'names must differ')

/** The options of jobs and nodes that all processes must agree on. */
export const jobOptions = {
  TIERS: z
    .preprocess(jsonText, tierTable)
    .default([
      { name: 'small', cpu: 2, memoryMb: 4096, gpu: 0 },
      { name: 'medium', cpu: 4, memoryMb: 8192, gpu: 1 },
      { name: 'heavy', cpu: 8, memoryMb: 16_384, gpu: 2 },
    ])
    .describe(
      'The node tiers from the smallest to the largest: a list of {name, cpu, memoryMb, gpu}; JSON in an environment variable.',
    ),
  DISPATCH_WINDOW: integer(1, 100_000)
    .default(10_000)
    .describe('Most jobs per tier that stand in Redis ready to run; the others wait in Postgres.')
    .meta({ unit: 'jobs', isLive: true }),
  LEASE_SECONDS: integer(1, 600)
    .default(10)
    .describe('How long a node counts as alive after it last renewed its lease; it renews every third of it.')
    .meta({ unit: 's' }),
  LEASE_GRACE_MS: integer(0)
    .default(1000)
    .describe('How long after its lease ran out a node is given up and its jobs go back.')
    .meta({ unit: 'ms' }),
  DELIVERY_LOOKUP_MS: integer(100)
    .default(30_000)
    .describe(
      'How old the delivery of a queued job must be before it is looked up in Redis, and sent again if it is gone.',
    )
    .meta({ unit: 'ms', isLive: true }),
  DELIVERY_LOCK_MS: integer(1000)
    .default(30_000)
    .describe(
      'How long a delivery stays with a worker that renews its hold on it no more; then it goes to another. It decides only how soon, never whether a job runs.',
    )
    .meta({ unit: 'ms' }),
  CRASH_LIMIT: integer(1)
    .default(3)
    .describe(
      'A job whose node died under it this often fails for good, with WORKER_LOST. Before the last time it is run alone on its node, so that no job is blamed for another.',
    )
    .meta({ unit: 'crashes', isLive: true }),
  HAND_BACK_LIMIT: integer(1)
    .default(20)
    .describe('A job handed back by stopping nodes this often fails, with HANDED_BACK_TOO_OFTEN.')
    .meta({ unit: 'times', isLive: true }),
  RETENTION_DAYS: integer(1)
    .default(30)
    .describe('How long ended jobs are kept, with their events and attempts.')
    .meta({ unit: 'days', isLive: true }),
  LOG_RETENTION_DAYS: integer(1)
    .optional()
    .describe('How long the logs of ended jobs are kept; by default, and at most, as long as the jobs.')
    .meta({ unit: 'days', isLive: true }),
  SECRETS_KEY: secretKey
    .optional()
    .describe(
      'Encrypts the secrets of tenants (docs/secrets.md), for gateways and workers. At least 32 bytes. Without it no secrets are kept, and workers offer no tasks that use them.',
    )
    .meta({ secret: true }),
  SECRETS_PREVIOUS_KEYS: list
    .pipe(z.array(secretKey))
    .default([])
    .describe(
      'Other values of SECRETS_KEY, comma-separated: what they have encrypted can still be read, and gateways encrypt it anew at their start.',
    )
    .meta({ secret: true }),
}
