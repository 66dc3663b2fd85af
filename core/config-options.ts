import { z } from 'zod'
import { parseNetworkRule } from './network-rules.ts'
import { blobOptions } from './blob-options.ts'
import { integer } from './option-integer.ts'

/*
 * Every option of every process, in one schema: docs/configuration.md and `noodle config` are made from it.
 * `describe` is the sentence that a user reads; `meta` adds the unit, and `secret` for what is never shown.
 */

const list = z.union([z.array(z.string()), z.string().transform(splitList)])
const port = integer(0, 65_535)

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part.length > 0)
}

/** A value that is a mapping in a file and JSON text in an environment variable. */
const jsonText = (value: unknown): unknown => {
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}

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

const secretKey = z
  .string()
  .refine(
    (text) => Buffer.byteLength(text) >= 32,
    'must be at least 32 bytes; make one with `openssl rand -base64 48`',
  )

const networkRule = z.string().superRefine((text, context) => {
  try {
    if (text !== 'none') parseNetworkRule(text)
  } catch (error) {
    context.addIssue(error instanceof Error ? error.message : String(error))
  }
})

export const options = {
  LOG_LEVEL: z
    .string()
    .transform((text) => text.toLowerCase())
    .pipe(z.enum(['error', 'warn', 'info', 'debug']))
    .default('info')
    .describe('The least severe lines that are logged: error, warn, info or debug, in any case.'),
  LOG_FORMAT: z
    .enum(['json', 'console'])
    .default('json')
    .describe('One JSON object a line, or a readable line for people.'),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must begin with postgres://')
    .describe('Where Postgres is, with user and password.')
    .meta({ secret: true }),
  DATABASE_POOL_SIZE: integer(2, 200)
    .default(10)
    .describe('Most connections of a process to Postgres.')
    .meta({ unit: 'connections' }),
  STATEMENT_TIMEOUT_MS: integer(100)
    .default(10_000)
    .describe('A statement that takes longer is given up, and its caller told that Postgres is unavailable.')
    .meta({ unit: 'ms' }),
  REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\//, 'must begin with redis:// or rediss://')
    .describe(
      'Where the queue Redis is, with its password. It must not evict (`maxmemory-policy noeviction`) and should append (`appendonly yes`).',
    )
    .meta({ secret: true }),
  CACHE_REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\//, 'must begin with redis:// or rediss://')
    .optional()
    .describe(
      'Where the cache Redis is, which may evict; by default the queue Redis serves, and then ended jobs are cached in processes only, so that it stays small.',
    )
    .meta({ secret: true }),
  CACHE_LOCAL_BYTES: integer(0)
    .default(33_554_432)
    .describe('Most memory that the cache within a process takes; 0 for none.')
    .meta({ unit: 'bytes' }),
  CACHE_LOCAL_SECONDS: integer(1, 86_400)
    .default(300)
    .describe('How long the cache within a process keeps what it holds.')
    .meta({ unit: 's' }),
  CACHE_REDIS_SECONDS: integer(1, 2_592_000)
    .default(3600)
    .describe('How long the cache Redis keeps what it holds: results of jobs with `cache`, and ended jobs.')
    .meta({ unit: 's' }),
  CACHE_ENTRY_BYTES: integer(1024)
    .default(262_144)
    .describe('Largest entry of the cache; what is larger is read from Postgres each time.')
    .meta({ unit: 'bytes' }),

  PORT: port.default(8080).describe('Where the gateway listens; 0 takes a free port.'),
  HOST: z
    .string()
    .default('127.0.0.1')
    .describe('The address that the gateway listens on; 0.0.0.0 for all, behind a load balancer.'),
  TRUST_PROXY_HOPS: integer(0, 10)
    .default(0)
    .describe(
      'How many proxies stand before the gateway; as many entries of X-Forwarded-For are believed, and no more.',
    )
    .meta({ unit: 'hops' }),
  AUTH_JWT_SECRET: secretKey
    .describe('Signs access tokens (HS256). At least 32 bytes.')
    .meta({ secret: true }),
  AUTH_JWT_PREVIOUS_SECRETS: list
    .pipe(z.array(secretKey))
    .default([])
    .describe(
      'Earlier values of AUTH_JWT_SECRET, comma-separated: tokens signed with them stay valid until they expire.',
    )
    .meta({ secret: true }),
  ACCESS_TOKEN_SECONDS: integer(60, 86_400)
    .default(3600)
    .describe('How long an access token is valid.')
    .meta({ unit: 's' }),
  REFRESH_TOKEN_SECONDS: integer(60)
    .default(86_400)
    .describe(
      'How long a login may be refreshed, counted from the login: after it the password is asked again.',
    )
    .meta({ unit: 's' }),
  ADMIN_PASSWORD: z
    .string()
    .min(12)
    .optional()
    .describe('When there is no user yet, the gateway makes `admin` with this password at its start.')
    .meta({ secret: true }),
  RATE_LIMIT_REQUESTS_PER_MINUTE: integer(0)
    .default(60_000)
    .describe('Requests a minute per user (per network without a token); 0 for no limit.'),
  RATE_LIMIT_JOBS_PER_MINUTE: integer(0)
    .default(600_000)
    .describe('Jobs a minute per user, a batch counting each of its jobs; 0 for no limit.'),
  RATE_LIMIT_LOGINS_PER_ACCOUNT: integer(0)
    .default(10)
    .describe('Logins a minute per user name, right or wrong; 0 for no limit.'),
  RATE_LIMIT_LOGINS_PER_NETWORK: integer(0)
    .default(30)
    .describe('Logins a minute per IPv4 address or IPv6 /56; 0 for no limit.'),
  METRICS_NETWORKS: list
    .default(['127.0.0.0/8', '::1/128', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'])
    .describe('Networks that may read /metrics, comma-separated, as address/prefix.'),
  BODY_LIMIT_BYTES: integer(1024)
    .default(1_048_576)
    .describe('Largest body of a request that submits no job.')
    .meta({ unit: 'bytes' }),
  PAYLOAD_LIMIT_BYTES: integer(1024, 134_217_728)
    .default(8_388_608)
    .describe(
      'Largest body that submits or replays a job, its payload in it, and largest line of an NDJSON batch. What is larger belongs into files: docs/blobs.md.',
    )
    .meta({ unit: 'bytes' }),
  BATCH_LIMIT_BYTES: integer(1024)
    .default(67_108_864)
    .describe('Largest body of a batch.')
    .meta({ unit: 'bytes' }),
  BATCH_LIMIT_JOBS: integer(1, 100_000)
    .default(10_000)
    .describe('Most jobs in a batch.')
    .meta({ unit: 'jobs' }),
  BLOB_LINK_SECONDS: integer(1, 604_800)
    .default(900)
    .describe('How long a signed link to an artifact, or to a large payload or result, is good.')
    .meta({ unit: 's' }),
  STRICT_TASKS: z
    .union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')])
    .default(false)
    .describe(
      'true refuses jobs of a task that no live node offers, though one has offered it before; else they are accepted with a warning, and wait.',
    ),
  CLUSTER_SIZE: integer(0)
    .default(0)
    .describe(
      'Worker nodes expected; with fewer live ones /ready says degraded. 0 expects none in particular.',
    )
    .meta({ unit: 'nodes' }),
  SHUTDOWN_DELAY_MS: integer(0)
    .default(0)
    .describe(
      'How long the gateway goes on serving after SIGTERM while /health says 503, so that a load balancer sees it; 15000 behind one.',
    )
    .meta({ unit: 'ms' }),

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
    .meta({ unit: 'jobs' }),
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
    .meta({ unit: 'ms' }),
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
    .meta({ unit: 'crashes' }),
  HAND_BACK_LIMIT: integer(1)
    .default(20)
    .describe('A job handed back by stopping nodes this often fails, with HANDED_BACK_TOO_OFTEN.')
    .meta({ unit: 'times' }),
  RETENTION_DAYS: integer(1)
    .default(30)
    .describe('How long ended jobs are kept, with their events and attempts.')
    .meta({ unit: 'days' }),
  LOG_RETENTION_DAYS: integer(1)
    .optional()
    .describe('How long the logs of ended jobs are kept; by default, and at most, as long as the jobs.')
    .meta({ unit: 'days' }),
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
  ...blobOptions,

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
    .describe('The name of a worker node; by default its host name and a random part.'),
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
    ),
  TASK_COMMAND_ALLOW: list
    .default([])
    .describe(
      'Programs that `command` jobs may start, comma-separated, by name or absolute path; none by default.',
    ),
  TASK_HTTP_ALLOW: list
    .pipe(z.array(networkRule))
    .default(['public'])
    .describe(
      'What `http` jobs may call, comma-separated: `public` (public addresses, at the ports 80, 443, 8080 and 8443), names of hosts, addresses and networks, each with an optional port (docs/tasks.md). `none` offers no such task.',
    ),
  TASK_HTTP_BODY_BYTES: integer(1024, 16_777_216)
    .default(262_144)
    .describe('How much of the body of an answer an `http` job keeps, from its begin.')
    .meta({ unit: 'bytes' }),
  TASK_FFI_ALLOW: list
    .pipe(
      z.array(
        z
          .string()
          .regex(
            /^[^=]+(=sha256:[0-9a-f]{64})?$/,
            'must be a library, or a library=sha256:… of 64 hexadecimal digits',
          ),
      ),
    )
    .default([])
    .describe(
      'C libraries whose functions may be tasks, comma-separated, by name or absolute path, each with an optional `=sha256:…` that the file must have; none by default.',
    ),
  TASK_USER: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/, 'must be the name or the number of a user')
    .optional()
    .describe(
      'The user that the programs of jobs run as, by name or number, so that they can neither read nor signal the worker, which must be root then; by default the user of the worker.',
    ),
  TASK_CONTAINER_IMAGES: list
    .default([])
    .describe(
      'Images that `container` jobs may use, comma-separated: `python:3.13`, `python@sha256:…`, `python` for all of its tags, `registry.example/team/*` for all below, or the id `sha256:…` of an image. None by default: then the worker does not offer the task.',
    ),
  TASK_CONTAINER_ENGINE: z
    .string()
    .regex(/^(unix:\/\/\/.+|tcp:\/\/[^/:]+:\d+)$/, 'must be unix:///path or tcp://host:port')
    .default('unix:///var/run/docker.sock')
    .describe(
      'Where the container engine listens, with the API of Docker Engine: `unix:///path`, or `tcp://host:port` without TLS. Who reaches it owns its machine.',
    ),
  TASK_CONTAINER_NETWORKS: list
    .pipe(
      z.array(
        z
          .string()
          .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/, 'must be the name of a network')
          .refine(
            (name) => name !== 'host',
            'can not be host: a container would have the network of its machine',
          ),
      ),
    )
    .default([])
    .describe(
      "Networks of the engine that `container` jobs may name, comma-separated, such as bridge. None by default: then no job's container has a network.",
    ),
  TASK_CONTAINER_PULL: z
    .union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')])
    .default(false)
    .describe(
      'true lets the engine fetch images that it does not have, as far as its registry needs no login.',
    ),
  TASK_CONTAINER_USER: z
    .string()
    .regex(/^(\d+:\d+|image)$/, 'must be uid:gid in numbers, or image')
    .default('65534:65534')
    .describe('The user that containers run as, `uid:gid` in numbers; `image` takes what the image says.'),
  TASKS_DIR: list
    .default([])
    .describe(
      'Folders with tasks of your own (docs/tasks.md), comma-separated: `*.task.ts`, `*.task.js`, `*.task.py`, `*.task.json`. Read at the start of a worker.',
    ),
  TASK_PYTHON: z
    .string()
    .default('python3')
    .describe('The interpreter of Python tasks: a name, a path, or the folder of a virtual environment.'),
  TASK_WARM_PROCESSES: integer(0, 1000)
    .default(4)
    .describe('Idle processes of module tasks that a worker keeps for the next run, over all of its tasks.')
    .meta({ unit: 'processes' }),
  TASK_WARM_SECONDS: integer(1, 86_400)
    .default(60)
    .describe('How long an idle process of a module task is kept.')
    .meta({ unit: 's' }),
  CHECKPOINT_LIMIT_BYTES: integer(1024)
    .default(1_048_576)
    .describe('Largest checkpoint of a job, as JSON; a larger one is not kept.')
    .meta({ unit: 'bytes' }),
  PROCESS_LIMIT: integer(1)
    .default(512)
    .describe('Processes and threads that a job may have at once, where control groups can be written.')
    .meta({ unit: 'processes' }),
  OPEN_FILE_LIMIT: integer(16)
    .default(4096)
    .describe('Files that each process of a job may have open.')
    .meta({ unit: 'files' }),
  SCRATCH_LIMIT_BYTES: integer(0)
    .default(10_737_418_240)
    .describe(
      'What a run may have in its folders, of scratch and of artifacts, as the disk counts it; 0 for no limit.',
    )
    .meta({ unit: 'bytes' }),
  SCRATCH_LIMIT_FILES: integer(0)
    .default(200_000)
    .describe('Files and folders that a run may have in these; 0 for no limit.')
    .meta({ unit: 'files' }),
  RESULT_LIMIT_BYTES: integer(1024, 134_217_728)
    .default(8_388_608)
    .describe('Largest result of a job, as JSON; a larger one fails the attempt.')
    .meta({ unit: 'bytes' }),
  ARTIFACT_LIMIT_BYTES: integer(0, 5_368_709_120)
    .default(1_073_741_824)
    .describe('Most bytes of all artifacts of an attempt together; more fail it.')
    .meta({ unit: 'bytes' }),
  ARTIFACT_LIMIT_COUNT: integer(0, 10_000)
    .default(100)
    .describe('Most artifacts of an attempt; more fail it.')
    .meta({ unit: 'files' }),
  COMMAND_OUTPUT_BYTES: integer(1024, 16_777_216)
    .default(65_536)
    .describe('How much of the end of stdout and of stderr a command keeps.')
    .meta({ unit: 'bytes' }),
  LOG_LIMIT_BYTES: integer(1024)
    .default(10_485_760)
    .describe(
      'How much of the log of an attempt is kept, from its begin; a last line tells how much was left out.',
    )
    .meta({ unit: 'bytes' }),
  KILL_GRACE_MS: integer(0)
    .default(5000)
    .describe('Time between SIGTERM and SIGKILL for a job that timed out or was cancelled.')
    .meta({ unit: 'ms' }),
  DRAIN_DEADLINE_MS: integer(0)
    .default(25_000)
    .describe(
      "How long running jobs may go on after SIGTERM before they are handed back; keep it below the orchestrator's kill delay.",
    )
    .meta({ unit: 'ms' }),
  METRICS_PORT: port.default(0).describe('Where ops and workers serve /metrics and /health; 0 for nowhere.'),

  NOODLE_HOME: z
    .string()
    .default('.noodle')
    .describe('Where the embedded default keeps its data, credentials and logs.'),
  NOODLE_ENV: z
    .string()
    .optional()
    .describe('Name of the environment: config/<name>.yaml gives options their values.'),
  NOODLE_CONFIG_DIR: z.string().default('config').describe('The folder with the files per environment.'),
  NOODLE_URL: z
    .url()
    .optional()
    .describe('The gateway that the command line talks to; by default the one that `npm start` started.'),
  NOODLE_TOKEN: z
    .string()
    .optional()
    .describe(
      'The access token that the command line sends; by default it logs in with the credentials file.',
    )
    .meta({ secret: true }),
}
