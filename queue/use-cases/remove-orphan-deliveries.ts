import type { Place } from '../store/waiting-deliveries.ts'
import type { QueueDeps } from './queue-deps.ts'

/**
 * R7: makes the function that looks through a round of the deliveries that wait, in each tier from where it left off, and removes those of which no job
 * is queued any more: cancelled, expired, or started through another delivery. Each would cost a worker a refused claim, and where no worker is they
 * would pile up. It is always safe: a job that is queued and whose delivery is gone gets a new one. Answers with true when a tier has more to look at.
 * @throws REDIS_UNAVAILABLE
 */
export function makeOrphanRound(
  deps: Pick<QueueDeps, 'jobs' | 'waitingDeliveries' | 'tiers' | 'metrics'>,
  roundSize = 500,
): () => Promise<boolean> {
  const places = new Map<string, Place>()

  async function lookThrough(tier: string): Promise<boolean> {
    const from = places.get(tier)
    const { found, next } = await deps.waitingDeliveries.list(tier, from, roundSize)
    const queued = await findQueued(found.flatMap((delivery) => delivery.jobIds))
    const orphans = found.filter(({ jobIds }) => !jobIds.some((id) => queued.has(id)))
    const removed = await deps.waitingDeliveries.remove(
      tier,
      orphans.map(({ id }) => id),
    )
    deps.metrics.orphanDeliveries.inc({ tier }, removed)
    if (next)
      places.set(tier, { ...next, offset: Math.max(0, next.offset - removed) }) // what was removed moved the others up
    else places.delete(tier)
    return next !== undefined
  }

  const findQueued = (ids: string[]): Promise<Set<string>> =>
    ids.length === 0 ? Promise.resolve(new Set()) : deps.jobs.findQueued(ids)

  return async () => {
    let isMore = false
    for (const { name } of deps.tiers) isMore = (await lookThrough(name)) || isMore
    return isMore
  }
}
