import { deliver } from './dispatch-jobs.ts'
import type { QueueDeps } from './queue-deps.ts'

const roundSize = 500

/**
 * R1: queued jobs whose delivery is to be found in BullMQ no more get a new one, with a number and a UUID of its own; those whose delivery still waits
 * are left alone for another while. Answers with how many were delivered again.
 */
export async function reconcileDeliveries(
  deps: Pick<QueueDeps, 'jobs' | 'deliveries' | 'signals' | 'tiers' | 'settings' | 'metrics' | 'log'>,
  olderThanMs = deps.settings.deliveryLookupMs,
): Promise<number> {
  let redelivered = 0
  for (const { name: tier } of deps.tiers) {
    const stale = await deps.jobs.findStaleDeliveries({ tier, olderThanMs, limit: roundSize })
    if (stale.length === 0) continue
    const live = await deps.deliveries.findLive(
      tier,
      stale.map((job) => job.deliveryId),
    )
    const waiting = stale.filter((job) => live.has(job.deliveryId))
    if (waiting.length > 0) await deps.jobs.touchDeliveries(waiting.map((job) => job.id))
    const lost = await deps.jobs.redispatch(stale.filter((job) => !live.has(job.deliveryId)))
    if (lost.length === 0) continue
    await deliver(deps, tier, lost)
    deps.log.warn('lost deliveries sent again', { tier, jobs: lost.length })
    redelivered += lost.length
  }
  return redelivered
}
