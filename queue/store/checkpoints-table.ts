import type { Json } from '../domain/job.ts'
import type { Postgres } from './postgres.ts'

export interface Checkpoint {
  jobId: string
  fence: number
  attempt: number
  value: Json
}

export type CheckpointsTable = ReturnType<typeof openCheckpointsTable>

/** What runs kept for the next attempt of their job. */
export function openCheckpointsTable(postgres: Postgres) {
  return {
    /** Answers whether each was kept: the holder's are, one of a job that is somebody else's by now is not. Of several of a run the last one counts. */
    async keep(items: readonly { bootId: string; checkpoint: Checkpoint }[]): Promise<boolean[]> {
      const keyOf = (jobId: string, fence: number, bootId: string): string =>
        `${jobId} ${String(fence)} ${bootId}`
      const keys = items.map(({ bootId, checkpoint }) => keyOf(checkpoint.jobId, checkpoint.fence, bootId))
      const last = [...new Map(items.map((item, i) => [keys[i], item])).values()]
      const rows = await postgres.query<{ job_id: string; fence: number; boot_id: string }>(
        `WITH held AS MATERIALIZED (
           -- Against whoever gives the job to another: the next attempt reads what this one has kept, or this one keeps nothing.
           SELECT jobs.id, t.fence, t.attempt, t.value, t.boot_id FROM jobs
           JOIN unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::integer[], $5::text[]) AS t(boot_id, id, fence, attempt, value) ON t.id = jobs.id
           WHERE state = 'running' AND jobs.fence = t.fence AND jobs.boot_id = t.boot_id
           ORDER BY jobs.id FOR SHARE OF jobs
         ), kept AS (
           INSERT INTO checkpoints (job_id, fence, attempt, value) SELECT id, fence, attempt, value::json FROM held
           ON CONFLICT (job_id) DO UPDATE SET fence = excluded.fence, attempt = excluded.attempt, value = excluded.value, at = now()
             WHERE checkpoints.fence <= excluded.fence
           RETURNING job_id
         )
         SELECT job_id, fence, boot_id FROM kept JOIN held ON id = job_id`,
        [
          last.map(({ bootId }) => bootId),
          last.map(({ checkpoint }) => checkpoint.jobId),
          last.map(({ checkpoint }) => checkpoint.fence),
          last.map(({ checkpoint }) => checkpoint.attempt),
          last.map(({ checkpoint }) => JSON.stringify(checkpoint.value)),
        ],
      )
      const kept = new Set(rows.map((row) => keyOf(row.job_id, row.fence, row.boot_id)))
      return keys.map((key) => kept.has(key))
    },

    async find(jobId: string): Promise<Json> {
      const rows = await postgres.query<{ value: Json }>(`SELECT value FROM checkpoints WHERE job_id = $1`, [
        jobId,
      ])
      return rows[0]?.value ?? null
    },

    /** Forgets what a job has kept; it will not run again. */
    async forget(jobId: string): Promise<void> {
      await postgres.query(`DELETE FROM checkpoints WHERE job_id = $1`, [jobId])
    },
  }
}
