import { z } from 'zod'
import { integer, list, port } from './kinds.ts'

/** The options of a worker: what its node offers, and how it stops. */
export const workerOptions = {
  TIER: list
    .transform((tiers) => tiers.map((tier) => (tier === 'large' ? 'heavy' : tier)))
    .default(['small'])
    .describe('The tiers whose jobs a worker runs, comma-separated; `large` is another name of heavy.'),
  CONCURRENCY: integer(1, 10_000)
    .default(10)
    .describe(
      'Jobs that a worker runs at once, as far as its CPUs, memory and GPUs suffice; one that asks for neither gets an equal share of them.',
    )
    .meta({ unit: 'jobs' }),
  NODE_ID: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 letters, digits, dots, dashes or underscores')
    .optional()
    .describe('The name of a worker node; by default its host name and a random part.')
    .meta({ isOwn: true }),
  NODE_CPUS: z.coerce
    .number('must be a number')
    .positive('must be above 0')
    .optional()
    .describe('CPUs that the node offers; by default what the machine has.')
    .meta({ unit: 'cpus' }),
  NODE_MEMORY_MB: integer(1)
    .optional()
    .describe('Memory that the node offers; by default what the machine has.')
    .meta({ unit: 'MiB' }),
  NODE_GPUS: integer(0, 1024)
    .optional()
    .describe(
      'GPUs that the node offers; by default those that nvidia-smi lists. More than there are makes virtual ones, to try the tiers without GPUs.',
    )
    .meta({ unit: 'gpus' }),
  NODE_GPU_SHARES: integer(1, 1000)
    .default(1)
    .describe(
      'Into how many parts each GPU may be divided: a job that asks for a fraction of one gets as many as it needs, rounded up. 1 gives whole GPUs only.',
    )
    .meta({ unit: 'parts' }),
  NODE_GPU_IDS: list
    .pipe(
      z
        .array(
          z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$/, 'must be indexes or UUIDs, such as 2,3'),
        )
        .min(1, 'must name at least one GPU'),
    )
    .transform((ids) => ids.map((id) => (/^\d{1,4}$/.test(id) ? Number(id) : id)))
    .refine((ids) => new Set(ids).size === ids.length, 'must name each GPU once')
    .optional()
    .describe(
      'Which GPUs of the machine the node hands out, comma-separated, by index or UUID as CUDA_VISIBLE_DEVICES takes them; by default 0, 1, … NODE_GPUS, where it is set too, must be their number. For several workers on one machine.',
    )
    .meta({ isOwn: true }),
  DRAIN_DEADLINE_MS: integer(0)
    .default(25_000)
    .describe(
      "How long running jobs may go on after SIGTERM before they are handed back; keep it below the orchestrator's kill delay.",
    )
    .meta({ unit: 'ms' }),
  METRICS_PORT: port
    .default(0)
    .describe('Where ops and workers serve /metrics and /health, and workers /ready; 0 for nowhere.')
    .meta({ isOwn: true }),
  METRICS_HOST: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe(
      'The address that ops and workers serve METRICS_PORT on; 0.0.0.0 for all, where another machine probes or scrapes them.',
    ),
}
