import { leastIdAt } from '../least-id.ts'
import type { Postgres } from '../postgres.ts'

/**
 * Removes a round of jobs that ended before the retention time, with their events, attempts and logs, oldest ids first; the primary key alone finds them,
 * since an id begins with its time. Answers with how many, fewer than the limit meaning that none is left, and with those that had something in the blob
 * store, which is the caller's to remove.
 */
export async function pruneEnded(
  postgres: Postgres,
  options: { retentionDays: number; limit: number },
): Promise<{ pruned: number; withBlobs: { id: string; tenant: string }[] }> {
  const rows = await postgres.query<{ id: string; tenant: string; has_blobs: boolean }>(
    `WITH old AS (
       SELECT id FROM jobs
       WHERE id < ${leastIdAt("now() - $1 * interval '1 day'")}
         AND state IN ('succeeded', 'failed', 'cancelled', 'expired') AND finished_at < now() - $1 * interval '1 day'
       ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
     ), jobs_gone AS (
       DELETE FROM jobs USING old WHERE jobs.id = old.id RETURNING jobs.id, tenant, payload_ref, result_ref
     ), events_gone AS (
       DELETE FROM job_events USING jobs_gone WHERE job_id = id
     ), attempts_gone AS (
       DELETE FROM attempts USING jobs_gone WHERE job_id = id
     ), logs_gone AS (
       DELETE FROM job_log_chunks USING jobs_gone WHERE job_id = id
     ), checkpoints_gone AS (
       DELETE FROM checkpoints USING jobs_gone WHERE job_id = id
     ), artifacts_gone AS (
       DELETE FROM artifacts USING jobs_gone WHERE job_id = id RETURNING job_id
     )
     SELECT id, tenant, coalesce(payload_ref, result_ref) IS NOT NULL OR id IN (SELECT job_id FROM artifacts_gone) AS has_blobs
     FROM jobs_gone`,
    [options.retentionDays, options.limit],
  )
  return { pruned: rows.length, withBlobs: rows.filter((row) => row.has_blobs) }
}

/** Removes a round of idempotency keys past their day. */
export async function pruneIdempotencyKeys(postgres: Postgres, limit: number): Promise<number> {
  const rows = await postgres.query(
    `DELETE FROM idempotency_keys WHERE (user_id, key) IN
       (SELECT user_id, key FROM idempotency_keys WHERE created_at < now() - interval '24 hours' ORDER BY created_at LIMIT $1)
     RETURNING 1`,
    [limit],
  )
  return rows.length
}
