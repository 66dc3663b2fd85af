import type { QueueDeps } from './queue-deps.ts'
import { removeJobBlobs } from './remove-job-blobs.ts'

const roundSize = 1000

/** Removes what is past its keeping time: ended jobs with their blobs, logs, idempotency keys, refresh tokens, boots, applied configurations, scaling decisions. Answers 0 (at once again) while there is more. */
export async function pruneJobs(
  deps: Pick<
    QueueDeps,
    | 'jobs'
    | 'keptLogs'
    | 'nodes'
    | 'configHistory'
    | 'refreshTokens'
    | 'scaling'
    | 'settings'
    | 'metrics'
    | 'blobs'
    | 'log'
  >,
): Promise<0 | undefined> {
  const { retentionDays, logRetentionDays } = deps.settings
  const { pruned: jobs, withBlobs } = await deps.jobs.pruneEnded({ retentionDays, limit: roundSize })
  await removeJobBlobs(deps, withBlobs) // after their rows: a row never refers to what is gone
  // Otherwise a log goes with its job.
  const logs =
    logRetentionDays < retentionDays
      ? await deps.keptLogs.prune({ retentionDays: logRetentionDays, limit: roundSize })
      : { chunks: 0, textBytes: 0 }
  deps.metrics.logBytesPruned.inc(logs.textBytes)
  const keys = await deps.jobs.pruneIdempotencyKeys(roundSize)
  deps.metrics.jobsPruned.inc(jobs)
  await deps.refreshTokens.prune()
  await deps.nodes.prune()
  await deps.configHistory.prune()
  await deps.scaling.prune(retentionDays)
  return [jobs, logs.chunks, keys].includes(roundSize) ? 0 : undefined
}
