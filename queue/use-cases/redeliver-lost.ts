import type { Doubt } from '../store/redis-watch-table.ts'
import type { QueueDeps } from './queue-deps.ts'
import { redeliver } from './reconcile-deliveries.ts'

/**
 * R4: looks for the deliveries of a round of jobs in doubt, and sends those anew that are gone. Answers with how many jobs it looked at; after 0 the
 * doubt is over. When Redis fails under it, what was being sent is in doubt too.
 * @throws REDIS_UNAVAILABLE
 */
export async function redeliverLost(
  deps: Pick<
    QueueDeps,
    'jobs' | 'deliveries' | 'signals' | 'redisWatch' | 'tiers' | 'settings' | 'metrics' | 'log'
  >,
  doubt: Doubt,
  roundSize: number,
): Promise<number> {
  let looked = 0
  for (const { name: tier } of deps.tiers) {
    const jobs = await deps.jobs.findDispatched({ tier, ...doubt, limit: roundSize - looked })
    looked += jobs.length
    try {
      await redeliver(deps, tier, jobs)
    } catch (error) {
      await deps.redisWatch.doubtSince(doubt.from)
      throw error
    }
    if (looked === roundSize) return looked
  }
  if (looked === 0) await deps.redisWatch.endDoubt(doubt)
  return looked
}
