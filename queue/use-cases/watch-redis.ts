import type { Doubt } from '../store/redis-watch-table.ts'
import type { QueueDeps } from './queue-deps.ts'

/** Who watches keeps the turn this long; when it dies another goes on after it. */
const turnMs = 3000

/** Redis, or all who watch it, were away when nobody counted for this long. */
const gapMs = 3000

/**
 * R4: raises the counter in Redis, once a second however many processes call this, and compares it with what Postgres remembers. A Redis that lost data
 * or fell back to an older state has a lower one: then the deliveries since the time of that count are in doubt. So are those since the last count when
 * Redis was away, for some may not have arrived. Answers with which jobs are in doubt; null for none, or when another process watches.
 * @throws REDIS_UNAVAILABLE, POSTGRES_UNAVAILABLE
 */
export async function watchRedis(
  deps: Pick<QueueDeps, 'redisWatch' | 'redisCounter' | 'metrics' | 'log'>,
  holder: string,
): Promise<Doubt | null> {
  const turn = await deps.redisWatch.takeTurn(holder, turnMs)
  if (!turn) return null
  const count = await deps.redisCounter.raise(1)
  if (count <= turn.count) {
    // Doubt before raising: whoever dies between the two leaves the loss to be noticed again.
    const doubt = await deps.redisWatch.doubtSinceCount(count - 1)
    await deps.redisCounter.raise(turn.count - count + 1)
    deps.metrics.redisLosses.inc()
    deps.log.warn('Redis lost data, deliveries since then are looked for', {
      since: doubt?.from,
      count: count - 1,
      expected: turn.count,
    })
    return doubt
  }
  const isGap = turn.countedAt !== null && turn.now.getTime() - turn.countedAt.getTime() > gapMs
  const doubt = isGap && turn.countedAt ? await deps.redisWatch.doubtSince(turn.countedAt) : turn.doubt
  await deps.redisWatch.record(count, turn.now)
  return doubt
}
