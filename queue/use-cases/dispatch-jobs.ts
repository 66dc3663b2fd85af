import type { DispatchedJob } from '../store/jobs/dispatch.ts'
import type { QueueDeps } from './queue-deps.ts'

/** Most jobs that a round moves per tier. */
const roundSize = 500

/**
 * T2: readies what is due and fills each tier's dispatch window, then puts the deliveries into BullMQ. Answers with the ms until the next job is due,
 * 0 when there was more than a round held. A delivery that could not be sent is left to the reconciler: the row is queued, only its hint is missing.
 */
export async function dispatchJobs(
  deps: Pick<QueueDeps, 'jobs' | 'deliveries' | 'signals' | 'tiers' | 'settings' | 'metrics'>,
): Promise<number | undefined> {
  const { readied, nextDueMs } = await deps.jobs.readyDue(roundSize)
  let isMore = readied === roundSize
  for (const tier of deps.tiers) {
    const jobs = await deps.jobs.dispatchReady({
      tier: tier.name,
      window: deps.settings.dispatchWindow,
      limit: roundSize,
    })
    if (jobs.length === 0) continue
    await deliver(deps, tier.name, jobs)
    isMore ||= jobs.length === roundSize
  }
  return isMore ? 0 : (nextDueMs ?? undefined)
}

export async function deliver(
  deps: Pick<QueueDeps, 'deliveries' | 'signals' | 'metrics'>,
  tier: string,
  jobs: readonly DispatchedJob[],
): Promise<void> {
  await deps.deliveries.send(tier, jobs)
  deps.metrics.jobsDispatched.inc({ tier }, jobs.length)
  deps.signals.tellChanged(jobs.map((job) => job.id))
}
