import type express from 'express'
import type { GatewayDeps } from '../gateway-deps.ts'
import { countRequest, minuteMs, tooManyRequests } from '../limits/requests.ts'
import { contextOf } from './request-context.ts'

/**
 * Requests a minute, per user, or per network without a valid token. The answer tells what is left, as draft-ietf-httpapi-ratelimit-headers-08 has it.
 * @throws TOO_MANY
 */
export function limitRate(deps: GatewayDeps, request: express.Request, response: express.Response): void {
  const context = contextOf(response)
  const count = countRequest(deps, context.actor, () => request.ip ?? '')
  if (!count) return
  const { limit, total, resetMs } = count
  context.rateHeaders = {
    RateLimit: `"requests"; r=${String(Math.max(0, limit - total))}; t=${String(Math.ceil(resetMs / 1000))}`,
    'RateLimit-Policy': `"requests"; q=${String(limit)}; w=${String(minuteMs / 1000)}`,
  }
  if (total > limit) throw tooManyRequests(limit, resetMs)
}
