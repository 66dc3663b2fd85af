import { QueueError } from '../../queue/domain/errors.ts'
import type { Actor } from '../../queue/domain/user.ts'
import type { GatewayDeps } from '../gateway-deps.ts'
import { minuteMs } from './requests.ts'

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
