import { type Config, ConfigError } from '../core/config.ts'
import { makeLiveScalingPolicies } from '../queue/use-cases/scaling-policies.ts'

/** The options that the gateway reads, besides the queue's. */
export const gatewayOptions = [
  'PORT',
  'HOST',
  'GRPC_PORT',
  'GRPC_TLS_CERT',
  'GRPC_TLS_KEY',
  'GRPC_TLS_CLIENT_CA',
  'GRPC_MESSAGE_LIMIT_BYTES',
  'GRPC_STREAMS_PER_CONNECTION',
  'GRPC_STREAMS_PER_USER',
  'GRPC_REFLECTION',
  'KEDA_PORT',
  'KEDA_TLS_CERT',
  'KEDA_TLS_KEY',
  'KEDA_TLS_CLIENT_CA',
  'TRUST_PROXY_HOPS',
  'CORS_ORIGINS',
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
  'RESULT_LIMIT_BYTES',
  'CHECKPOINT_LIMIT_BYTES',
  'LOG_LIMIT_BYTES',
  'ARTIFACT_LIMIT_BYTES',
  'ARTIFACT_LIMIT_COUNT',
  'BATCH_LIMIT_BYTES',
  'BATCH_LIMIT_JOBS',
  'STRICT_TASKS',
  'RIGHTSIZE_TASKS',
  'SECRETS_KEY',
  'SECRETS_PREVIOUS_KEYS',
  'CACHE_REDIS_SECONDS',
  'CLUSTER_SIZE',
  'SCALING_DRIVER',
  'SCALING_POLICIES',
  'SHUTDOWN_DELAY_MS',
] as const

export type GatewayConfig = Pick<Config, (typeof gatewayOptions)[number]>

/** Of what is allowed one by one, what does not go together. @throws ConfigError */
export function checkGatewayConfig(
  config: Pick<GatewayConfig, 'KEDA_PORT' | 'SCALING_DRIVER' | 'SCALING_POLICIES'> & Pick<Config, 'TIERS'>,
): void {
  makeLiveScalingPolicies(config)
  const { KEDA_PORT, SCALING_DRIVER } = config
  if (KEDA_PORT !== 0 && SCALING_DRIVER !== 'external')
    throw new ConfigError([
      `KEDA_PORT is for SCALING_DRIVER external: with ${SCALING_DRIVER} ${SCALING_DRIVER === 'none' ? 'nothing is decided' : 'ops starts and stops nodes as well'}.`,
    ])
}
