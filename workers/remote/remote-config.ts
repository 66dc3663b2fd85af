import { type Config, ConfigError, readConfig, sourceOf } from '../../core/config.ts'

export const remoteOptions = [
  'MASTER_HOST',
  'MASTER_TLS',
  'MASTER_TLS_CA',
  'MASTER_TLS_CERT',
  'MASTER_TLS_KEY',
] as const

export type RemoteConfig = Omit<Pick<Config, (typeof remoteOptions)[number]>, 'MASTER_HOST'> & {
  /** Host and port of each gateway. */
  MASTER_HOST: string[]
  /** With it the node signs its own tokens; absent when it was given one. */
  AUTH_JWT_SECRET?: string
}

/** What a worker reads that goes through a gateway. @throws ConfigError */
export function readRemoteConfig(): RemoteConfig {
  const { MASTER_HOST = [], ...rest } = readConfig(remoteOptions)
  const config = { MASTER_HOST, ...rest }
  if ((config.MASTER_TLS_CERT === undefined) !== (config.MASTER_TLS_KEY === undefined))
    throw new ConfigError(['MASTER_TLS_CERT and MASTER_TLS_KEY belong together; set both, or neither.'])
  if (readWorkerToken() !== undefined) return config
  if (sourceOf('AUTH_JWT_SECRET') === 'default')
    throw new ConfigError([
      'A worker that goes through a gateway (MASTER_HOST) needs WORKER_TOKEN, a token of the role worker, or AUTH_JWT_SECRET, from which it makes its own; each also as *_FILE.',
    ])
  return { ...config, ...readConfig(['AUTH_JWT_SECRET']) }
}

/** Read anew each time, for the file that WORKER_TOKEN_FILE names may be replaced. */
export const readWorkerToken = (): string | undefined => readConfig(['WORKER_TOKEN']).WORKER_TOKEN
