import { QueueError } from '../../queue/domain/errors.ts'
import type { Actor } from '../../queue/domain/user.ts'
import { networkOf } from '../auth/login-limits.ts'

export const minuteMs = 60_000

/** Whose requests are counted together, whatever door they come by: a user's, or without a valid token a network's. */
export const requestsOf = (actor: Actor | undefined, address: string): string =>
  actor ? `requests:user:${actor.userId}` : `requests:network:${networkOf(address)}`

export const tooManyRequests = (limit: number, resetMs: number): QueueError =>
  new QueueError('TOO_MANY', `More than ${String(limit)} requests a minute; try again later.`, {
    retryAfterSeconds: resetMs / 1000,
  })
