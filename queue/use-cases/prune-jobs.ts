import type { QueueDeps } from './queue-deps.ts'

const roundSize = 1000

/** Removes what is past its keeping time: ended jobs, idempotency keys, refresh tokens, boots. Answers 0 (at once again) while there is more. */
export async function pruneJobs(
  deps: Pick<QueueDeps, 'jobs' | 'nodes' | 'refreshTokens' | 'settings' | 'metrics'>,
): Promise<0 | undefined> {
  const jobs = await deps.jobs.pruneEnded({ retentionDays: deps.settings.retentionDays, limit: roundSize })
  const keys = await deps.jobs.pruneIdempotencyKeys(roundSize)
  deps.metrics.jobsPruned.inc(jobs)
  await deps.refreshTokens.prune()
  await deps.nodes.prune()
  return jobs === roundSize || keys === roundSize ? 0 : undefined
}
