import type express from 'express'
import { rateLimit as limitRequests, type RateLimitInfo, type Store } from 'express-rate-limit'
import type { RateCounts } from '../../queue/store/rate-counts.ts'
import type { GatewayDeps } from '../gateway-deps.ts'
import { minuteMs, requestsOf, tooManyRequests } from '../limits/requests.ts'
import { contextOf } from './request-context.ts'

/**
 * Requests a minute, per user, or per network without a valid token. Counted in Redis together with the other gateways', without a round trip a
 * request; while Redis is away each gateway counts by itself. Headers as draft-ietf-httpapi-ratelimit-headers-08,
 * written here: the library would hash the key anew for each request.
 */
export function rateLimit(deps: GatewayDeps): express.RequestHandler[] {
  const limit = () => deps.config.RATE_LIMIT_REQUESTS_PER_MINUTE
  const count = limitRequests({
    limit,
    skip: () => limit() === 0,
    windowMs: minuteMs,
    standardHeaders: false,
    legacyHeaders: false,
    store: storeOver(deps.queue.rateCounts),
    validate: false, // it would look for ipKeyGenerator by name (networkOf calls it) and check each request's count again
    keyGenerator: (request, response) => requestsOf(contextOf(response).actor, request.ip ?? ''),
    handler: (request, response, next) => {
      const { resetMs } = tellRate(request, response)
      next(tooManyRequests(limit(), resetMs))
    },
  })
  const tell: express.RequestHandler = (request, response, next) => {
    tellRate(request, response)
    next()
  }
  return [count, tell]
}

/** Writes what the library found out into the answer's headers. */
function tellRate(request: express.Request, response: express.Response): { resetMs: number } {
  const { rateLimit } = request as express.Request & { rateLimit?: RateLimitInfo }
  if (!rateLimit) return { resetMs: minuteMs } // there is no limit
  const resetMs = (rateLimit.resetTime?.getTime() ?? 0) - Date.now()
  const policy = `"requests"; q=${String(rateLimit.limit)}; w=${String(minuteMs / 1000)}`
  const left = `"requests"; r=${String(rateLimit.remaining)}; t=${String(Math.max(0, Math.ceil(resetMs / 1000)))}`
  contextOf(response).rateHeaders = { RateLimit: left, 'RateLimit-Policy': policy }
  return { resetMs }
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
