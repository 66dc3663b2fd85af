import { createHash, randomBytes } from 'node:crypto'
import { QueueError } from '../../queue/domain/errors.ts'
import type { Actor, User } from '../../queue/domain/user.ts'
import type { GatewayDeps } from '../gateway-deps.ts'
import { limitLogins } from './login-limits.ts'
import { verifyPassword } from './password.ts'

/** Where a request comes from, for limits and the audit. */
export interface Origin {
  address: string
  requestId: string
}

export interface TokenPair {
  accessToken: string
  refreshToken: string
  tokenType: 'Bearer'
  /** Seconds until the access token expires. */
  expiresIn: number
}

/** Checks a name and password under the login limits; right and wrong ones are audited. @throws BAD_CREDENTIALS, TOO_MANY */
export async function checkLogin(
  deps: GatewayDeps,
  origin: Origin,
  login: { username: string; password: string },
): Promise<User> {
  await limitLogins(deps, origin.address, login.username)
  const found = await deps.queue.users.findWithPassword(login.username)
  const isRight = await verifyPassword(login.password, found?.passwordHash ?? null)
  const user = isRight && found && !found.user.disabledAt ? found.user : null
  await deps.queue.audit.append({
    id: deps.queue.newId(),
    userId: found?.user.id ?? null,
    username: login.username.slice(0, 100),
    tenant: found?.user.tenant ?? null,
    action: user ? 'login.accepted' : 'login.refused',
    target: null,
    network: origin.address,
    requestId: origin.requestId,
    details: {},
  })
  if (!user) throw new QueueError('BAD_CREDENTIALS', 'The user name or the password is wrong.')
  return user
}

/** Logs in: a new family of refresh tokens begins. */
export async function beginSession(
  deps: GatewayDeps,
  origin: Origin,
  login: { username: string; password: string },
): Promise<TokenPair> {
  const user = await checkLogin(deps, origin, login)
  const refreshToken = newRefreshToken()
  await deps.queue.refreshTokens.beginFamily({
    hash: hashOf(refreshToken),
    familyId: deps.queue.newId(),
    userId: user.id,
    lifeSeconds: deps.config.REFRESH_TOKEN_SECONDS,
  })
  return pair(deps, user, refreshToken)
}

/** Spends a refresh token for a new pair. One that was spent before revokes its whole family: somebody has a copy. @throws BAD_REFRESH_TOKEN */
export async function refreshSession(
  deps: GatewayDeps,
  origin: Origin,
  refreshToken: string,
): Promise<TokenPair> {
  const successor = newRefreshToken()
  const spent = await deps.queue.refreshTokens.spend(hashOf(refreshToken), hashOf(successor))
  if (spent.kind === 'reused') {
    await deps.queue.audit.append({
      id: deps.queue.newId(),
      userId: spent.userId,
      username: null,
      tenant: null,
      action: 'refresh.reused',
      target: spent.familyId,
      network: origin.address,
      requestId: origin.requestId,
      details: {},
    })
  }
  const user = spent.kind === 'spent' ? await deps.queue.users.find(spent.userId) : null
  if (!user || user.disabledAt)
    throw new QueueError('BAD_REFRESH_TOKEN', 'The refresh token is not valid any more; log in again.')
  return pair(deps, user, successor)
}

/** Ends the session that a refresh token belongs to; one that is unknown or another user's is nothing to end. */
export async function endSession(deps: GatewayDeps, actor: Actor, refreshToken: string): Promise<void> {
  await deps.queue.refreshTokens.revokeFamilyOf(hashOf(refreshToken), actor.userId, 'logout')
}

/** Ends all sessions of a user. */
export async function endAllSessions(deps: GatewayDeps, actor: Actor): Promise<void> {
  await deps.queue.refreshTokens.revokeAllOf(actor.userId, 'logout')
}

const newRefreshToken = (): string => randomBytes(32).toString('base64url')
const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest()

function pair(deps: GatewayDeps, user: User, refreshToken: string): TokenPair {
  return {
    accessToken: deps.auth.tokens.issue(user),
    refreshToken,
    tokenType: 'Bearer',
    expiresIn: deps.config.ACCESS_TOKEN_SECONDS,
  }
}
