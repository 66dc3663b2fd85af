import { z } from 'zod'
import { integer } from './kinds.ts'

/** The options of all processes: logs, stores, and the cache. */
export const processOptions = {
  NODE_TYPE: z
    .enum(['master', 'worker'])
    .optional()
    .describe(
      'What a container of the image runs (docs/deploy.md): `master`, which is gateway and ops, or `worker`.',
    ),
  LOG_LEVEL: z
    .string()
    .transform((text) => text.toLowerCase())
    .pipe(z.enum(['error', 'warn', 'info', 'debug']))
    .default('info')
    .describe('The least severe lines that are logged: error, warn, info or debug, in any case.')
    .meta({ isLive: true }),
  LOG_FORMAT: z
    .enum(['json', 'console'])
    .default('json')
    .describe('One JSON object a line, or a readable line for people.'),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must begin with postgres://')
    .describe('Where Postgres is, with user and password.')
    .meta({ secret: true, isUrl: true }),
  DATABASE_PASSWORD: z
    .string()
    .optional()
    .describe('The password for DATABASE_URL, when it is not in there.')
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
    .meta({ secret: true, isUrl: true }),
  REDIS_PASSWORD: z
    .string()
    .optional()
    .describe('The password for REDIS_URL, when it is not in there.')
    .meta({ secret: true }),
  CACHE_REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\//, 'must begin with redis:// or rediss://')
    .optional()
    .describe(
      'Where the cache Redis is, which may evict; by default the queue Redis serves, and then ended jobs are cached in processes only, so that it stays small.',
    )
    .meta({ secret: true, isUrl: true }),
  CACHE_REDIS_PASSWORD: z
    .string()
    .optional()
    .describe('The password for CACHE_REDIS_URL, when it is not in there.')
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
}
