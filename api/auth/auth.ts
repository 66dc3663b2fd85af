import { performance } from 'node:perf_hooks'
import { QueueError } from '../../queue/domain/errors.ts'
import { type Actor, type Permission, permissionsOfRole, type User } from '../../queue/domain/user.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import type { GatewayConfig } from '../gateway-config.ts'
import { type AccessTokens, type Audience, makeAccessTokens } from './access-tokens.ts'

export interface Auth {
  /** Who sends this Authorization header; undefined without one. @throws BAD_TOKEN */
  authenticate(header: string | undefined): Promise<Actor | undefined>
  /** @throws NOT_PERMITTED */
  require(actor: Actor, permission: Permission): void
  tokens: AccessTokens
  /** For the dashboard's cookie. */
  dashboard: { tokens: AccessTokens; authenticate(token: string): Promise<Actor> }
}

/** How long the dashboard's login holds. */
export const dashboardSeconds = 8 * 3600

/** A user whose rights changed keeps the old ones at most this long. */
const maxUserAgeMs = 5000
const maxUsers = 10_000

/**
 * Tokens carry who the user is; what the user may do now comes from the users' rows, at most five seconds old: a token that was issued before a change of
 * role, password or standing is refused.
 */
export function makeAuth(options: {
  config: Pick<GatewayConfig, 'AUTH_JWT_SECRET' | 'AUTH_JWT_PREVIOUS_SECRETS' | 'ACCESS_TOKEN_SECONDS'>
  queue: Pick<QueueDeps, 'users' | 'newId'>
  nowMs?: () => number
}): Auth {
  const { config, queue, nowMs = () => performance.now() } = options
  const users = new Map<string, { user: Promise<User | null>; readAtMs: number }>()

  const tokensFor = (audience: Audience, lifeSeconds: number) =>
    makeAccessTokens({
      secret: config.AUTH_JWT_SECRET,
      previousSecrets: config.AUTH_JWT_PREVIOUS_SECRETS,
      lifeSeconds,
      audience,
      newId: queue.newId,
    })
  const tokens = tokensFor('noodle-api', config.ACCESS_TOKEN_SECONDS)
  const dashboardTokens = tokensFor('noodle-admin', dashboardSeconds)

  function currentUser(id: string): Promise<User | null> {
    const known = users.get(id)
    if (known && nowMs() - known.readAtMs < maxUserAgeMs) return known.user
    const [oldest] = users.keys()
    if (users.size >= maxUsers && oldest !== undefined) users.delete(oldest)
    const user = queue.users.find(id)
    users.delete(id)
    users.set(id, { user, readAtMs: nowMs() })
    user.catch(() => users.delete(id)) // a failure is not remembered
    return user
  }

  async function toActor(from: AccessTokens, token: string): Promise<Actor> {
    const claims = from.verify(token)
    const user = await currentUser(claims.sub)
    if (!user || user.disabledAt || user.tokenVersion !== claims.ver)
      throw new QueueError('BAD_TOKEN', 'The access token is not valid any more; log in again.')
    return { userId: user.id, username: user.username, role: user.role, tenant: user.tenant }
  }

  return {
    tokens,
    dashboard: { tokens: dashboardTokens, authenticate: (token) => toActor(dashboardTokens, token) },
    async authenticate(header) {
      if (header === undefined) return undefined
      const [, token] = /^Bearer +([\x21-\x7e]+)$/i.exec(header) ?? []
      if (token === undefined)
        throw new QueueError('BAD_TOKEN', 'The Authorization header must be `Bearer` and an access token.')
      return toActor(tokens, token)
    },
    require(actor, permission) {
      if (permissionsOfRole[actor.role].includes(permission)) return
      throw new QueueError('NOT_PERMITTED', `The role ${actor.role} lacks the permission ${permission}.`)
    },
  }
}
