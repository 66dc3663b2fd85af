import type { BlobRef } from '../../domain/blob.ts'
import type { ClaimedJob, Json } from '../../domain/job.ts'
import type { RetryPolicy } from '../../domain/retry-policy.ts'
import type { Postgres } from '../postgres.ts'

/** What this version's workers can read. */
export const formatVersion = 1

export interface ClaimedRow {
  id: string
  tenant: string
  task: string
  tier: string
  payload: Json
  payload_ref: BlobRef | null
  cpu: number
  memory_mb: number
  gpu: number
  timeout_ms: number
  max_attempts: number
  backoff_ms: number
  backoff_strategy: RetryPolicy['strategy']
  escalate_tier: boolean
  attempt: number
  failures: number
  hand_backs: number
  fence: number
  cache_key: Buffer | null
  waited_ms: number
}

/** Of a statement that updates jobs, for its RETURNING. */
export const claimedColumns = `jobs.id, jobs.tenant, jobs.task, jobs.tier, jobs.payload, jobs.payload_ref, jobs.cpu, jobs.memory_mb, jobs.gpu, jobs.timeout_ms, jobs.max_attempts, jobs.backoff_ms,
  jobs.backoff_strategy, jobs.escalate_tier, jobs.attempt, jobs.failures, jobs.hand_backs, jobs.fence, jobs.cache_key,
  greatest(0, extract(epoch FROM now() - jobs.due_at) * 1000)::float8 AS waited_ms`

/**
 * T3: a node claims jobs that a delivery named. A suspect, with so many crashes, only where it runs alone: an older delivery does not know that yet. The claim holds its own node row, live, against the reaper: a boot that was given up claims nothing.
 * Jobs that are not in the answer are somebody else's, ended, or gone: their delivery is forgotten.
 */
export async function claimJobs(
  postgres: Postgres,
  bootId: string,
  jobs: readonly { id: string; isAlone: boolean }[],
  suspectFrom: number,
): Promise<ClaimedJob[]> {
  const rows = await postgres.query<ClaimedRow>(
    `WITH node AS (
       -- Key share bears the renewal of the lease beside it, and excludes the reaper's lock.
       SELECT id, boot_id FROM nodes WHERE boot_id = $1 AND state IN ('ready', 'draining') FOR KEY SHARE
     ), locked AS MATERIALIZED (
       -- By id alone: were the state asked here, its partial index might be read from end to end.
       SELECT jobs.id, state, format_version, expires_at, crashes FROM jobs
       WHERE jobs.id = ANY($2::uuid[]) AND EXISTS (SELECT FROM node)
       ORDER BY jobs.id FOR UPDATE
     ), claimed AS (
       UPDATE jobs SET state = 'running', fence = greatest(jobs.fence, platform.epoch * 4294967296::bigint) + 1, boot_id = node.boot_id, node_id = node.id,
         attempt = jobs.attempt + 1, started_at = now(), progress = NULL, progress_note = NULL, event_seq = jobs.event_seq + 1
       FROM locked, node, platform
       WHERE jobs.id = locked.id AND locked.state = 'queued' AND locked.format_version <= $3 AND (locked.expires_at IS NULL OR locked.expires_at > now())
         AND (locked.crashes < $4::integer OR jobs.id = ANY($5::uuid[]))
       RETURNING ${claimedColumns}, jobs.event_seq, jobs.node_id
     ), event_rows AS (
       INSERT INTO job_events (job_id, seq, state, attempt, node_id, fence) SELECT id, event_seq, 'running', attempt, node_id, fence FROM claimed
     )
     SELECT * FROM claimed`,
    [
      bootId,
      jobs.map(({ id }) => id),
      formatVersion,
      suspectFrom,
      jobs.filter(({ isAlone }) => isAlone).map(({ id }) => id),
    ],
    'claim-jobs',
  )
  return rows.map(toClaimedJob)
}

export const toClaimedJob = (row: ClaimedRow): ClaimedJob => ({
  id: row.id,
  tenant: row.tenant,
  task: row.task,
  tier: row.tier,
  payload: row.payload,
  payloadRef: row.payload_ref,
  resources: { cpu: row.cpu, memoryMb: row.memory_mb, gpu: row.gpu },
  timeoutMs: row.timeout_ms,
  retry: {
    maxAttempts: row.max_attempts,
    backoffMs: row.backoff_ms,
    strategy: row.backoff_strategy,
    escalateTier: row.escalate_tier,
  },
  attempt: row.attempt,
  failures: row.failures,
  handBacks: row.hand_backs,
  fence: row.fence,
  cacheKey: row.cache_key,
  waitedMs: row.waited_ms,
})
