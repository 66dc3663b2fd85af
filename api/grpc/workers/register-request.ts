import { z } from 'zod'
import type { RegisterRequest__Output } from '../../../proto/generated/noodle/v1/RegisterRequest.ts'
import { QueueError } from '../../../queue/domain/errors.ts'
import { type NodeRegistration, taskKinds, taskNamePattern } from '../../../queue/domain/node.ts'
import { didYouMean } from '../../../core/did-you-mean.ts'
import { isUuid } from './run-access.ts'
import { readJson } from './run-messages.ts'

const schemaJson = z
  .instanceof(Buffer)
  .transform((bytes): unknown => (bytes.length === 0 ? {} : readJson(bytes)))
  .pipe(z.record(z.string(), z.unknown(), 'must be a JSON object'))

const defaults = z.strictObject({
  timeoutMs: z.number().int().min(1).optional(),
  retry: z
    .strictObject({
      maxAttempts: z.number().int().min(1).optional(),
      backoffMs: z.number().int().min(0).optional(),
      strategy: z.enum(['fixed', 'exponential']).optional(),
      escalateTier: z.boolean().optional(),
    })
    .optional(),
  resources: z
    .strictObject({
      cpu: z.number().min(0).optional(),
      memoryMb: z.number().int().min(0).optional(),
      gpu: z.number().min(0).optional(),
    })
    .optional(),
  priority: z.number().int().min(0).max(9).optional(),
  silenceMs: z.number().int().min(1).optional(),
})

const text = (most: number) => z.string().max(most, `must have at most ${String(most)} characters`)

const task = z.object({
  name: z
    .string()
    .regex(taskNamePattern, 'must be a letter, then letters, digits, dots, dashes or underscores'),
  version: text(64).transform((version) => version || '1'),
  description: text(4000),
  payloadSchemaJson: schemaJson,
  resultSchemaJson: schemaJson,
  kind: z
    .string()
    .transform((kind) => kind || 'program')
    .pipe(z.enum(taskKinds)),
  deterministic: z.boolean(),
  defaultsJson: schemaJson.pipe(defaults),
  secrets: z.array(text(128)).max(100),
})

/** Numbers as Postgres' columns take them. */
const count = z.number().int().min(0).max(2_147_483_647)

const shape = z.object({
  nodeId: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 letters, digits, dots, dashes or underscores'),
  bootId: z.string().refine(isUuid, 'must be a UUID in lower case'),
  tiers: z.array(z.string()).min(1, 'must name at least one tier').max(100),
  cpus: z.number().positive('must be above 0').max(1e6),
  memoryMb: z.coerce.number().pipe(count.min(1, 'must be at least 1')),
  gpus: count.max(1024),
  concurrency: count.min(1, 'must be at least 1').max(10_000),
  version: text(100),
  tasks: z.array(task).max(1000, 'must be at most 1000 tasks'),
})

/** A node as it asks to be registered. @throws INVALID_REQUEST naming each field that is wrong */
export function readRegistration(
  request: RegisterRequest__Output,
  knownTiers: readonly string[],
): NodeRegistration {
  const parsed = shape.safeParse(request)
  if (!parsed.success)
    throw invalid(parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message })))
  const { nodeId: id, bootId, memoryMb, tasks, ...rest } = parsed.data
  const unknown = rest.tiers.filter((tier) => !knownTiers.includes(tier))
  if (unknown.length > 0)
    throw invalid(
      unknown.map((tier) => ({
        path: 'tiers',
        message: `there is no tier ${tier}${didYouMean(tier, knownTiers)}; the tiers are ${knownTiers.join(', ')}`,
      })),
    )
  return {
    ...rest,
    ...{ id, bootId, memoryMb },
    tiers: [...new Set(rest.tiers)],
    tasks: tasks.map(({ payloadSchemaJson, resultSchemaJson, defaultsJson, ...offer }) => ({
      ...{ name: offer.name, version: offer.version, description: offer.description, kind: offer.kind },
      payloadSchema: payloadSchemaJson,
      resultSchema: resultSchemaJson,
      ...(offer.deterministic && { deterministic: true }),
      ...(Object.keys(defaultsJson).length > 0 && { defaults: withoutUnset(defaultsJson) }),
      ...(offer.secrets.length > 0 && { secrets: offer.secrets }),
    })),
  }
}

const invalid = (fields: { path: string; message: string }[]): QueueError =>
  new QueueError('INVALID_REQUEST', 'The node can not be registered as it asks.', { fields })

/** As zod leaves optional fields out, they are not undefined. */
const withoutUnset = (value: object): NonNullable<NodeRegistration['tasks'][number]['defaults']> =>
  JSON.parse(JSON.stringify(value)) as NonNullable<NodeRegistration['tasks'][number]['defaults']>
