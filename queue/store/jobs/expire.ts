import type { Postgres } from '../postgres.ts'

/** T10: expires jobs that did not start in time. Answers with their ids; fewer than the limit means that none is left. */
export async function expireOverdue(postgres: Postgres, limit: number): Promise<string[]> {
  const rows = await postgres.query<{ id: string }>(
    `WITH overdue AS (
       SELECT id FROM jobs WHERE expires_at < now() AND state IN ('blocked', 'pending', 'queued')
       ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
     ), moved AS (
       UPDATE jobs SET state = 'expired', finished_at = now(), event_seq = event_seq + 1 FROM overdue WHERE jobs.id = overdue.id
       RETURNING jobs.id, event_seq
     ), event_rows AS (
       INSERT INTO job_events (job_id, seq, state, reason) SELECT id, event_seq, 'expired', 'not started by expiresAt' FROM moved
     )
     SELECT id FROM moved`,
    [limit],
  )
  return rows.map((row) => row.id)
}
