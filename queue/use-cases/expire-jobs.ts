import type { QueueDeps } from './queue-deps.ts'

const roundSize = 1000

/** T10: expires what did not start in time. Answers 0 (at once again) when a full round was expired. */
export async function expireJobs(
  deps: Pick<QueueDeps, 'jobs' | 'signals' | 'metrics'>,
): Promise<0 | undefined> {
  const ids = await deps.jobs.expireOverdue(roundSize)
  deps.metrics.jobsExpired.inc(ids.length)
  deps.signals.tellChanged(ids)
  return ids.length === roundSize ? 0 : undefined
}
