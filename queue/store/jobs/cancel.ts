import type { Job } from '../../domain/job.ts'
import type { Postgres } from '../postgres.ts'
import { jobColumns, type JobRow, toJob } from './row.ts'

/** T8: cancels a job that has not started. Null when there is no such job of the tenant, or it has started or ended. */
export async function cancelUnstarted(
  postgres: Postgres,
  id: string,
  tenant: string | null,
): Promise<Job | null> {
  const rows = await postgres.query<JobRow>(
    `WITH moved AS (
       UPDATE jobs SET state = 'cancelled', finished_at = now(), event_seq = event_seq + 1,
         error = jsonb_build_object('code', 'CANCELLED', 'message', 'Cancelled on request before it started.')
       WHERE id = $1 AND ($2::text IS NULL OR tenant = $2) AND state IN ('blocked', 'pending', 'queued')
       RETURNING *
     ), event_rows AS (
       INSERT INTO job_events (job_id, seq, state, reason) SELECT id, event_seq, state, 'requested' FROM moved
     )
     SELECT ${jobColumns} FROM moved`,
    [id, tenant],
  )
  return rows[0] ? toJob(rows[0]) : null
}

/** T9: flags a running job; its holder or the reaper carries it out. Null when it does not run. Asking twice keeps the first time. */
export async function requestCancel(
  postgres: Postgres,
  id: string,
  tenant: string | null,
): Promise<Job | null> {
  const rows = await postgres.query<JobRow>(
    `UPDATE jobs SET cancel_requested_at = coalesce(cancel_requested_at, now())
     WHERE id = $1 AND ($2::text IS NULL OR tenant = $2) AND state = 'running'
     RETURNING ${jobColumns}`,
    [id, tenant],
  )
  return rows[0] ? toJob(rows[0]) : null
}
