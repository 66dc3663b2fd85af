import { Cron } from 'croner'
import { z } from 'zod'
import { integer, jsonText, port } from './kinds.ts'

const nodes = z.number().int().min(0).max(10_000)
/** Five fields as in crontab(5), or with seconds before them. */
function isCron(text: string): boolean {
  try {
    return new Cron(text, { paused: true }).nextRun() !== null
  } catch {
    return false
  }
}

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

const use = z.number().min(0).max(1)

/** What can be said of how a tier is scaled; docs/autoscaling.md explains each. */
export const scalingPolicyFields = z.strictObject({
  mode: z.enum(['auto', 'queueDepth', 'manual', 'dryRun']).optional(),
  min: nodes.optional(),
  max: nodes.optional(),
  targetWaitMs: z.number().int().min(0).max(86_400_000).optional(),
  cooldownSeconds: z.number().int().min(0).max(86_400).optional(),
  replicas: nodes.optional(),
  jobsPerNode: z.number().int().min(1).max(1_000_000).optional(),
  thresholds: z
    .strictObject({ up: use, down: use })
    .refine(({ up, down }) => down < up, 'down must be below up')
    .optional(),
  schedules: z
    .array(
      z.strictObject({
        cron: z.string().max(200).refine(isCron, 'must be a cron expression, such as 0 8 * * 1-5'),
        timezone: z
          .string()
          .max(100)
          .refine(isTimezone, 'must be a time zone, such as Europe/Berlin')
          .default('UTC'),
        minutes: z.number().int().min(1).max(43_200),
        min: nodes.optional(),
        max: nodes.optional(),
      }),
    )
    .max(100)
    .optional(),
  override: z.strictObject({ replicas: nodes, until: z.iso.datetime({ offset: true }) }).optional(),
})

export type ScalingPolicyFields = z.output<typeof scalingPolicyFields>

/** The options of what scales the tiers. */
export const scalingOptions = {
  SCALING_DRIVER: z
    .enum(['none', 'external', 'process', 'docker', 'kubernetes'])
    .default('external')
    .describe(
      'What starts and stops nodes: `process` (workers of the machine that ops runs on), `docker` (containers like the workers of the compose project), `kubernetes` (the Deployments of workers in the namespace that ops runs in; docs/kubernetes.md), `external` (nobody here: what is desired is told by API and metrics, for others to act on) or `none` (nothing is decided). `npm start` sets process.',
    ),
  SCALING_POLICIES: z
    .preprocess(jsonText, z.record(z.string(), scalingPolicyFields))
    .default({})
    .describe(
      'How tiers are scaled: a mapping of tiers to fields of their policy (docs/autoscaling.md), `default` for all that are silent about a field; JSON in an environment variable. The API changes them while it runs.',
    )
    .meta({ isLive: true }),
  SCALING_START_SECONDS: integer(5, 86_400)
    .default(600)
    .describe('A node that is not up so long after it was asked for is stopped, and another asked for.')
    .meta({ unit: 's' }),
  SCALING_DOCKER_ENGINE: z
    .string()
    .regex(/^(unix:\/\/\/.+|tcp:\/\/[^/:]+:\d+)$/, 'must be unix:///path or tcp://host:port')
    .default('unix:///var/run/docker.sock')
    .describe(
      'Where the driver `docker` finds the container engine, or the gate before it (docs/deploy.md): `unix:///path`, or `tcp://host:port` without TLS. Who reaches an engine owns its machine.',
    ),
  SCALING_DOCKER_PROJECT: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'must be the name of a compose project')
    .optional()
    .describe(
      'The compose project whose workers the driver `docker` copies; by default that of the container which the process runs in.',
    ),
  SCALING_DOCKER_GATE_PORT: port
    .default(2375)
    .describe('Where the gate before the container engine listens for the driver `docker`.'),
  KUBECONFIG: z
    .string()
    .min(1)
    .optional()
    .describe(
      'With SCALING_DRIVER=kubernetes: a file as kubectl reads it, whose current context names cluster, user and namespace; by default those of the service account of the pod.',
    ),
}
