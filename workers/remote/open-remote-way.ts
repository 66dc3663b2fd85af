import { setTimeout as delay } from 'node:timers/promises'
import { credentials, type ChannelCredentials } from '@grpc/grpc-js'
import jwt from 'jsonwebtoken'
import { ConfigError } from '../../core/config.ts'
import { makeTimeOrderedIds } from '../../core/time-ordered-id.ts'
import { QueueError } from '../../queue/domain/errors.ts'
import { isWorthRetrying } from '../../queue/use-cases/finish-job.ts'
import { makeNodeTokens } from '../../queue/use-cases/node-tokens.ts'
import type { Way, WayDeps } from '../way.ts'
import { checkTiers } from '../worker-config.ts'
import { makeGatewayClients } from './gateway-client.ts'
import { makeGatewayLink } from './gateway-link.ts'
import { makeRemoteIntake } from './remote-intake.ts'
import { type RemoteConfig, readRemoteConfig, readWorkerToken, remoteOptions } from './remote-config.ts'
import { makePayloadReader } from './payload-reader.ts'
import { makeRemotePlatform } from './remote-platform.ts'

export const wayOptions = remoteOptions

/** Of a token that the node signs for itself. */
const ownTokenSeconds = 3600
/** A new one is made when so much of it has passed. */
const renewTokenAt = 0.5
const readTokenEveryMs = 1000
const firstLeaseMs = 10_000

/**
 * The way of a node that reaches no store: through whichever gateway of MASTER_HOST answers. Waits until one does.
 * @throws ConfigError when the gateway refuses the token, or has no such tier
 */
export async function openWay({ nodeId, tiers, log, metrics }: WayDeps): Promise<Way> {
  const config = readRemoteConfig()
  const token = makeTokenSource(config, nodeId)
  let leaseMs = firstLeaseMs
  const clients = makeGatewayClients({
    credentials: credentialsOf(config),
    token: () => token().text,
    leaseMs: () => leaseMs,
  })
  const settings = await askSettings()
  leaseMs = Number(settings.leaseMs)
  checkTiers(tiers, settings.tiers)
  const link = makeGatewayLink({
    ...{ clients, addresses: config.MASTER_HOST, leaseMs, log, metrics },
    tokenEndMs: () => token().endMs,
  })
  const payloads = makePayloadReader({ isTls: isTls(config), log })
  const platform = makeRemotePlatform(link, payloads, {
    leaseMs,
    leaseGraceMs: Number(settings.leaseGraceMs),
    inlineBytes: Number(settings.inlineBytes),
    hasSecrets: settings.hasSecrets,
  })
  return {
    platform,
    newId: makeTimeOrderedIds(),
    connection: link,
    configHistory: { append: () => Promise.resolve(), findLatest: () => Promise.resolve([]) },
    openIntake: (options) => ({ intake: makeRemoteIntake(link, { ...options, log }), beside: [] }),
  }

  async function askSettings() {
    for (let tries = 0; ; tries++) {
      const client = clients.open(config.MASTER_HOST[tries % config.MASTER_HOST.length] ?? '')
      try {
        return await client.call('GetSettings', {})
      } catch (error) {
        if (error instanceof QueueError && ['BAD_TOKEN', 'NOT_PERMITTED'].includes(error.code))
          throw new ConfigError([`The gateway at ${client.address} refuses this worker: ${error.message}`])
        if (!isWorthRetrying(error)) throw error
        if (tries === 0) log.warn('no gateway answers yet, it is tried again', { error })
        await delay(Math.min(1000, 100 * 2 ** Math.min(tries, 5)))
      } finally {
        client.close()
      }
    }
  }
}

interface Token {
  text: string
  /** In ms since 1970; undefined when it does not say. */
  endMs: number | undefined
}

/** The given token, read anew each second, for its file may be replaced; or one of the node's own making. */
function makeTokenSource({ AUTH_JWT_SECRET: secret }: RemoteConfig, nodeId: string): () => Token {
  let kept: (Token & { renewAtMs: number }) | undefined
  const tokens = secret && makeNodeTokens({ secret, previousSecrets: [], lifeSeconds: ownTokenSeconds })
  return () => {
    const nowMs = Date.now()
    if (kept && nowMs < kept.renewAtMs) return kept
    if (tokens) {
      const lifeMs = ownTokenSeconds * 1000
      const text = tokens.issue(nodeId)
      return (kept = { text, endMs: nowMs + lifeMs, renewAtMs: nowMs + lifeMs * renewTokenAt })
    }
    const text = readWorkerToken() ?? ''
    const claims = jwt.decode(text, { json: true })
    const endMs = claims?.exp === undefined ? undefined : claims.exp * 1000
    return (kept = { text, endMs, renewAtMs: nowMs + readTokenEveryMs })
  }
}

const isTls = ({ MASTER_TLS: isOn, MASTER_TLS_CA: ca, MASTER_TLS_CERT: cert }: RemoteConfig): boolean =>
  isOn || ca !== undefined || cert !== undefined

function credentialsOf(config: RemoteConfig): ChannelCredentials {
  const { MASTER_TLS_CA: ca, MASTER_TLS_CERT: cert, MASTER_TLS_KEY: key } = config
  if (!isTls(config)) return credentials.createInsecure()
  return credentials.createSsl(
    ca === undefined ? null : Buffer.from(ca),
    key === undefined ? null : Buffer.from(key),
    cert === undefined ? null : Buffer.from(cert),
  )
}
