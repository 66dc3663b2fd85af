import { z } from 'zod'
import { flag, integer, list, port, secretKey } from './kinds.ts'

const isOrigin = (text: string): boolean =>
  text === '*' || (/^https?:[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text)

/** The options of the gateway. */
export const gatewayOptions = {
  PORT: port.default(8080).describe('Where the gateway listens; 0 takes a free port.').meta({ isOwn: true }),
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
  CORS_ORIGINS: list
    .pipe(z.array(z.string().refine(isOrigin, 'must be an origin such as https://app.example.com, or *')))
    .default([])
    .describe(
      'Whose pages may call the API from a browser: origins such as https://app.example.com, comma-separated; `*` for all. They need a token as anybody does.',
    ),
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
    .meta({ unit: 's', isLive: true }),
  ADMIN_PASSWORD: z
    .string()
    .min(12)
    .optional()
    .describe('When there is no user yet, the gateway makes `admin` with this password at its start.')
    .meta({ secret: true }),
  RATE_LIMIT_REQUESTS_PER_MINUTE: integer(0)
    .default(60_000)
    .describe('Requests a minute per user (per network without a token); 0 for no limit.')
    .meta({ isLive: true }),
  RATE_LIMIT_JOBS_PER_MINUTE: integer(0)
    .default(600_000)
    .describe('Jobs a minute per user, a batch counting each of its jobs; 0 for no limit.')
    .meta({ isLive: true }),
  RATE_LIMIT_LOGINS_PER_ACCOUNT: integer(0)
    .default(10)
    .describe('Logins a minute per user name, right or wrong; 0 for no limit.')
    .meta({ isLive: true }),
  RATE_LIMIT_LOGINS_PER_NETWORK: integer(0)
    .default(30)
    .describe('Logins a minute per IPv4 address or IPv6 /56; 0 for no limit.')
    .meta({ isLive: true }),
  METRICS_NETWORKS: list
    .default(['127.0.0.0/8', '::1/128', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'])
    .describe('Networks that may read /metrics, comma-separated, as address/prefix.'),
  BODY_LIMIT_BYTES: integer(1024)
    .default(1_048_576)
    .describe('Largest body of a request that submits no job.')
    .meta({ unit: 'bytes', isLive: true }),
  PAYLOAD_LIMIT_BYTES: integer(1024, 134_217_728)
    .default(8_388_608)
    .describe(
      'Largest body that submits or replays a job, its payload in it, and largest line of an NDJSON batch. What is larger belongs into files: docs/blobs.md.',
    )
    .meta({ unit: 'bytes', isLive: true }),
  BATCH_LIMIT_BYTES: integer(1024)
    .default(67_108_864)
    .describe('Largest body of a batch.')
    .meta({ unit: 'bytes', isLive: true }),
  BATCH_LIMIT_JOBS: integer(1, 100_000)
    .default(10_000)
    .describe('Most jobs in a batch.')
    .meta({ unit: 'jobs', isLive: true }),
  BLOB_LINK_SECONDS: integer(1, 604_800)
    .default(900)
    .describe('How long a signed link to an artifact, or to a large payload or result, is good.')
    .meta({ unit: 's' }),
  STRICT_TASKS: flag
    .default(false)
    .describe(
      'true refuses jobs of a task that no live node offers, though one has offered it before; else they are accepted with a warning, and wait.',
    )
    .meta({ isLive: true }),
  RIGHTSIZE_TASKS: list
    .default([])
    .describe(
      'Tasks, comma-separated, whose jobs ask for what jobs of the task have used where submissions say nothing of it (docs/autoscaling.md); `*` for all, none by default.',
    )
    .meta({ isLive: true }),
  CLUSTER_SIZE: integer(0)
    .default(0)
    .describe(
      'Worker nodes expected; with fewer live ones /ready says degraded. 0 expects none in particular.',
    )
    .meta({ unit: 'nodes', isLive: true }),
  SHUTDOWN_DELAY_MS: integer(0)
    .default(0)
    .describe(
      'How long the gateway goes on serving after SIGTERM while /health says 503, so that a load balancer sees it; 15000 behind one.',
    )
    .meta({ unit: 'ms' }),
}
