import { NIL } from 'uuid'
import { QueueError } from '../../queue/domain/errors.ts'
import { type Actor, type Permission, permissionsOfRole, type User } from '../../queue/domain/user.ts'
import { makeNodeTokens } from '../../queue/use-cases/node-tokens.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import type { GatewayConfig } from '../gateway-config.ts'
import { type AccessTokens, type Audience, type Claims, makeAccessTokens } from './access-tokens.ts'

export interface Auth {
  /** Who sends this Authorization header, at once where that is known, as for most requests; undefined without one. Throws, or rejects with, BAD_TOKEN. */
  authenticate(header: string | undefined): Actor | undefined | Promise<Actor>
  /** @throws NOT_PERMITTED */
  require(actor: Actor, permission: Permission): void
  tokens: AccessTokens
  /** For the dashboard's cookie. */
  dashboard: { tokens: AccessTokens; authenticate(token: string): Promise<Actor> }
}

/** How long the dashboard's login holds. */
export const dashboardSeconds = 8 * 3600

/**
 * Tokens carry who the user is; what the user may do now comes from the users' rows, at most five seconds old: a token that was issued before a change of
 * role, password or standing is refused.
 */
export function makeAuth(options: {
  config: Pick<GatewayConfig, 'AUTH_JWT_SECRET' | 'AUTH_JWT_PREVIOUS_SECRETS' | 'ACCESS_TOKEN_SECONDS'>
  queue: Pick<QueueDeps, 'users' | 'cache' | 'newId'>
}): Auth {
  const { config, queue } = options

  const tokensFor = (audience: Audience, lifeSeconds: number) =>
    makeAccessTokens({
      secret: config.AUTH_JWT_SECRET,
      previousSecrets: config.AUTH_JWT_PREVIOUS_SECRETS,
      lifeSeconds,
      audience,
      newId: queue.newId,
    })
  const tokens = tokensFor('noodle-api', config.ACCESS_TOKEN_SECONDS)
  const nodeTokens = makeNodeTokens({
    secret: config.AUTH_JWT_SECRET,
    previousSecrets: config.AUTH_JWT_PREVIOUS_SECRETS,
    lifeSeconds: 0, // nodes make them
  })
  const dashboardTokens = tokensFor('noodle-admin', dashboardSeconds)

  async function currentUser(claims: Claims): Promise<User | null> {
    const load = () => queue.users.find(claims.sub)
    const user = await queue.cache.readUser(claims.sub, load)
    return isOfNoUse(user, claims) ? queue.cache.refreshUser(claims.sub, load) : user
  }

  async function toActor(from: AccessTokens, token: string): Promise<Actor> {
    const claims = from.verify(token)
    const user = await currentUser(claims)
    if (!user || !isGood(user, claims))
      throw new QueueError('BAD_TOKEN', 'The access token is not valid any more; log in again.')
    return actorFrom(user)
  }

  function recall(header: string): Actor | undefined {
    const claims = header.startsWith(scheme) ? tokens.recall(header.slice(scheme.length)) : undefined
    const user = claims && queue.cache.recallUser(claims.sub)
    return user && !isOfNoUse(user, claims) && isGood(user, claims) ? actorFrom(user) : undefined
  }

  function read(header: string): Actor | Promise<Actor> {
    const [, token] = /^Bearer +([\x21-\x7e]+)$/i.exec(header) ?? []
    if (token === undefined)
      throw new QueueError('BAD_TOKEN', 'The Authorization header must be `Bearer` and an access token.')
    return nodeTokens.isOne(token) ? nodeActor(nodeTokens.verify(token)) : toActor(tokens, token)
  }

  return {
    tokens,
    dashboard: { tokens: dashboardTokens, authenticate: (token) => toActor(dashboardTokens, token) },
    authenticate: (header) => (header === undefined ? undefined : (recall(header) ?? read(header))),
    require(actor, permission) {
      if (permissionsOfRole[actor.role].includes(permission)) return
      throw new QueueError('NOT_PERMITTED', `The role ${actor.role} lacks the permission ${permission}.`)
    },
  }
}

/** As clients write it; RFC 6750 lets them write it otherwise. */
const scheme = 'Bearer '

const isGood = (user: User, claims: Claims): boolean => !user.disabledAt && user.tokenVersion === claims.ver

const actorFrom = ({ id, username, role, tenant }: User): Actor => ({ userId: id, username, role, tenant })

/** A node that signed its own token is no user of any tenant, and may execute jobs, nothing else. */
const nodeActor = (nodeId: string): Actor => ({
  userId: NIL,
  username: `node ${nodeId}`,
  role: 'worker',
  tenant: '',
  nodeId,
})

/**
 * A cached user who is older than the token (somebody who changed a password logs in at once), or who would give the token more than it was signed with:
 * the cache may take rights away, but never give them.
 */
const isOfNoUse = (user: User | null, claims: Claims): boolean =>
  user !== null &&
  (user.tokenVersion < claims.ver ||
    (user.tokenVersion === claims.ver &&
      (user.role !== claims.role || user.tenant !== claims.tenant || user.username !== claims.username)))
