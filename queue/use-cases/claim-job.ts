import type { DeliveredJob } from '../domain/delivery.ts'
import type { ClaimedJob } from '../domain/job.ts'
import type { QueueDeps } from './queue-deps.ts'

/**
 * T3: claims a delivered job for a boot; null when the delivery was out of date (R3), which is always harmless. Claims that arrive while one is in
 * flight go together. `isAlone`: nothing runs beside it, so it may be a suspect.
 * @throws POSTGRES_UNAVAILABLE: the claim may have been made, then the next renewal tells
 */
export async function claimJob(
  deps: Pick<QueueDeps, 'claimBatch' | 'signals'>,
  bootId: string,
  delivered: DeliveredJob,
  isAlone = false,
): Promise<ClaimedJob | null> {
  const job = await deps.claimBatch.add({ bootId, id: delivered.id, isAlone })
  if (job) deps.signals.tellChanged([job.id])
  return job
}
