import type { Config } from '../core/config.ts'

/** The options that the gateway reads, besides the queue's. */
export const gatewayOptions = [
  'PORT',
  'HOST',
  'TRUST_PROXY_HOPS',
  'AUTH_JWT_SECRET',
  'AUTH_JWT_PREVIOUS_SECRETS',
  'ACCESS_TOKEN_SECONDS',
  'REFRESH_TOKEN_SECONDS',
  'ADMIN_PASSWORD',
  'RATE_LIMIT_REQUESTS_PER_MINUTE',
  'RATE_LIMIT_JOBS_PER_MINUTE',
  'RATE_LIMIT_LOGINS_PER_ACCOUNT',
  'RATE_LIMIT_LOGINS_PER_NETWORK',
  'METRICS_NETWORKS',
  'BODY_LIMIT_BYTES',
  'PAYLOAD_LIMIT_BYTES',
  'BLOB_LINK_SECONDS',
  'BATCH_LIMIT_BYTES',
  'BATCH_LIMIT_JOBS',
  'STRICT_TASKS',
  'SECRETS_KEY',
  'SECRETS_PREVIOUS_KEYS',
  'CACHE_REDIS_SECONDS',
  'CLUSTER_SIZE',
  'SHUTDOWN_DELAY_MS',
] as const

export type GatewayConfig = Pick<Config, (typeof gatewayOptions)[number]>
