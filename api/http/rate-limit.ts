import type express from 'express'
import { rateLimit as limitRequests, type Store } from 'express-rate-limit'
import { QueueError } from '../../queue/domain/errors.ts'
import type { Actor } from '../../queue/domain/user.ts'
import type { RateCounts } from '../../queue/store/rate-counts.ts'
import { networkOf } from '../auth/login-limits.ts'
import type { GatewayDeps } from './gateway-deps.ts'
import { contextOf } from './serve-route.ts'

const minuteMs = 60_000

/**
 * Requests a minute, per user, or per network without a valid token. Counted in Redis together with the other gateways', without a round trip a
 * request; while Redis is away each gateway counts by itself. Headers as draft-ietf-httpapi-ratelimit-headers-08.
 */
export function rateLimit(deps: GatewayDeps): express.RequestHandler {
  const limit = deps.config.RATE_LIMIT_REQUESTS_PER_MINUTE
  if (limit === 0) return (_request, _response, next) => next()
  return limitRequests({
    limit,
    windowMs: minuteMs,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    identifier: 'requests',
    store: storeOver(deps.queue.rateCounts),
    validate: { keyGeneratorIpFallback: false }, // it looks for ipKeyGenerator by name; networkOf calls it
    keyGenerator: (request, response) => {
      const { actor } = contextOf(response)
      return actor ? `requests:user:${actor.userId}` : `requests:network:${networkOf(request.ip ?? '')}`
    },
    handler: (request, _response, next) => {
      const resetAt = (request as express.Request & { rateLimit?: { resetTime?: Date } }).rateLimit?.resetTime
      const waitMs = resetAt ? resetAt.getTime() - Date.now() : minuteMs
      next(
        new QueueError('TOO_MANY', `More than ${String(limit)} requests a minute; try again later.`, {
          retryAfterSeconds: waitMs / 1000,
        }),
      )
    },
  })
}

/** Counts jobs about to be submitted against the user's limit. @throws TOO_MANY, and then none of them is counted */
export function takeJobs(deps: GatewayDeps, actor: Actor, count: number): void {
  const limit = deps.config.RATE_LIMIT_JOBS_PER_MINUTE
  if (limit === 0) return
  const name = `jobs:user:${actor.userId}`
  const { total, resetMs } = deps.queue.rateCounts.add(name, count, minuteMs)
  if (total <= limit) return
  deps.queue.rateCounts.giveBack(name, count)
  const left = Math.max(0, limit - (total - count))
  throw new QueueError(
    'TOO_MANY',
    `More than ${String(limit)} jobs a minute: ${String(left)} are left of this minute, and ${String(count)} were sent.`,
    { retryAfterSeconds: resetMs / 1000 },
  )
}

function storeOver(counts: RateCounts): Store {
  return {
    localKeys: false,
    increment(key) {
      const { total, resetMs } = counts.add(key, 1, minuteMs)
      return { totalHits: total, resetTime: new Date(Date.now() + resetMs) }
    },
    decrement: (key) => counts.giveBack(key, 1),
    resetKey: () => undefined,
  }
}
