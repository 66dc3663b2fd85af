import { z } from 'zod'
import { type TaskKind, type TaskOffer, taskNamePattern } from '../../queue/domain/node.ts'
import { maxBackoffMs } from '../../queue/domain/retry-policy.ts'
import { mostSecretsOfTask, secretNamePattern } from '../../queue/domain/secret.ts'

/** Of a JSON Schema, as text: gateways read them all. */
const mostSchemaBytes = 65_536

const schema = z
  .record(z.string(), z.unknown())
  .refine(
    (value) => JSON.stringify(value).length <= mostSchemaBytes,
    `must be at most ${String(mostSchemaBytes)} bytes`,
  )
  .default({})

const day = 86_400_000

const defaults = z.strictObject({
  timeoutMs: z
    .number()
    .int()
    .min(1)
    .max(7 * day),
  retry: z
    .strictObject({
      maxAttempts: z.number().int().min(1).max(100),
      backoffMs: z.number().int().min(0).max(maxBackoffMs),
      strategy: z.enum(['fixed', 'exponential']),
      escalateTier: z.boolean(),
    })
    .partial(),
  resources: z
    .strictObject({
      cpu: z.number().positive().max(4096),
      memoryMb: z.number().int().positive().max(67_108_864),
      gpu: z.number().int().min(0).max(1024),
    })
    .partial(),
  priority: z.number().int().min(0).max(9),
  silenceMs: z
    .number()
    .int()
    .min(100)
    .max(7 * day),
})

/** How a file of a tasks folder describes its task, whatever its language. */
const definition = z.object({
  name: z
    .string()
    .regex(
      taskNamePattern,
      'must begin with a letter, then letters, digits, dots, dashes or underscores, at most 128',
    ),
  version: z
    .union([z.string().min(1).max(64), z.number()])
    .transform(String)
    .default('1'),
  description: z.string().max(2000).default(''),
  input: schema,
  output: schema,
  defaults: defaults.partial().default({}),
  secrets: z
    .array(z.string().regex(secretNamePattern, 'is no name of a secret'))
    .max(mostSecretsOfTask)
    .transform((names) => [...new Set(names)])
    .default([]),
  deterministic: z.boolean().default(false),
})

/** @throws Error that names what is wrong with it */
export function toTaskOffer(told: unknown, kind: TaskKind): TaskOffer {
  const parsed = definition.safeParse(told)
  if (!parsed.success)
    throw new Error(
      parsed.error.issues.map((issue) => `${issue.path.join('.') || 'it'}: ${issue.message}`).join('; '),
    )
  const { name, version, description, input, output, secrets, deterministic } = parsed.data
  return {
    name,
    version,
    description,
    payloadSchema: input,
    resultSchema: output,
    kind,
    ...(secrets.length > 0 && { secrets }),
    ...(deterministic && { deterministic }),
    // Optional fields that are absent, and not present as undefined.
    defaults: JSON.parse(JSON.stringify(parsed.data.defaults)) as NonNullable<TaskOffer['defaults']>,
  }
}
