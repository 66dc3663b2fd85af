import type { DeliveredJob } from '../domain/delivery.ts'
import type { QueueDeps } from './queue-deps.ts'

/** T12: gives back jobs that a delivery brought and that could not be started in time; the dispatcher sends them again. */
export async function releaseJobs(
  deps: Pick<QueueDeps, 'jobs' | 'signals'>,
  delivered: readonly DeliveredJob[],
): Promise<void> {
  const ids = await deps.jobs.release(delivered)
  if (ids.length === 0) return
  deps.signals.tellChanged(ids)
  deps.signals.tellSubmitted()
}
