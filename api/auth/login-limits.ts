import { ipKeyGenerator } from 'express-rate-limit'
import { createHash } from 'node:crypto'
import { QueueError } from '../../queue/domain/errors.ts'
import type { GatewayDeps } from '../gateway-deps.ts'

const minuteMs = 60_000

/** An IPv4 address, or an IPv6 /56: what one customer of a provider has. */
export const networkOf = (address: string): string => ipKeyGenerator(address, 56)

/**
 * Counts a login, right or wrong, against its account and its network. The counts are Redis' own; while it is away each gateway counts by itself, so a
 * guesser gains nothing but one more limit a gateway.
 * @throws TOO_MANY
 */
export async function limitLogins(
  deps: Pick<GatewayDeps, 'queue' | 'config'>,
  address: string,
  username: string,
): Promise<void> {
  // Hashed, so that a name of any length makes a short key and none stands in Redis.
  const account = createHash('sha256').update(username.toLowerCase()).digest('base64url').slice(0, 22)
  await limit(deps, `login:network:${networkOf(address)}`, deps.config.RATE_LIMIT_LOGINS_PER_NETWORK)
  await limit(deps, `login:account:${account}`, deps.config.RATE_LIMIT_LOGINS_PER_ACCOUNT)
}

async function limit(deps: Pick<GatewayDeps, 'queue'>, name: string, most: number): Promise<void> {
  if (most === 0) return
  const { total, resetMs } = await deps.queue.rateCounts.addStrictly(name, minuteMs)
  if (total > most)
    throw new QueueError('TOO_MANY', 'Too many logins; try again later.', {
      retryAfterSeconds: resetMs / 1000,
    })
}
