import { deliver } from './dispatch-jobs.ts'
import type { DispatchedJob } from '../store/jobs/dispatch.ts'
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
    redelivered += await redeliver(deps, tier, stale)
  }
  return redelivered
}

/** Of these jobs, those whose delivery is gone get a new one; the others are left alone for another while. Answers with how many were delivered again. */
export async function redeliver(
  deps: Pick<QueueDeps, 'jobs' | 'deliveries' | 'signals' | 'metrics' | 'log'>,
  tier: string,
  jobs: readonly DispatchedJob[],
): Promise<number> {
  if (jobs.length === 0) return 0
  const live = await deps.deliveries.findLive(tier, [...new Set(jobs.map((job) => job.deliveryId))])
  const waiting = jobs.filter((job) => live.has(job.deliveryId))
  if (waiting.length > 0) await deps.jobs.touchDeliveries(waiting.map((job) => job.id))
  const lost = await deps.jobs.redispatch(jobs.filter((job) => !live.has(job.deliveryId)))
  if (lost.length === 0) return 0
  await deliver(deps, tier, lost)
  deps.log.warn('lost deliveries sent again', { tier, jobs: lost.length })
  return lost.length
}
