import { QueueError } from '../../queue/domain/errors.ts'
import type { Actor } from '../../queue/domain/user.ts'
import type { Count } from '../../queue/store/rate-counts.ts'
import { networkOf } from '../auth/login-limits.ts'
import type { GatewayDeps } from '../gateway-deps.ts'

export const minuteMs = 60_000

/** Whose requests are counted together, whatever door they come by: a user's, or without a valid token a network's. */
export const requestsOf = (actor: Actor | undefined, address: string): string =>
  actor ? `requests:user:${actor.userId}` : `requests:network:${networkOf(address)}`

/**
 * Counts a request, together with the other gateways' (without a round trip to Redis; while it is away each counts by itself). Undefined where there is no
 * limit. express-rate-limit would cost a submission a tenth of its time, for promises that our counts need not.
 * @param address is asked for only without an actor
 */
export function countRequest(
  deps: Pick<GatewayDeps, 'config' | 'queue'>,
  actor: Actor | undefined,
  address: () => string,
): (Count & { limit: number }) | undefined {
  const limit = deps.config.RATE_LIMIT_REQUESTS_PER_MINUTE
  if (limit === 0) return undefined
  const { total, resetMs } = deps.queue.rateCounts.add(requestsOf(actor, actor ? '' : address()), 1, minuteMs)
  return { limit, total, resetMs }
}

export const tooManyRequests = (limit: number, resetMs: number): QueueError =>
  new QueueError('TOO_MANY', `More than ${String(limit)} requests a minute; try again later.`, {
    retryAfterSeconds: resetMs / 1000,
  })
