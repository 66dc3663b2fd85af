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
    /** Answers whether each was kept: the holder's are, one of a job that is somebody else's by now is not. */
    async keep(bootId: string, checkpoints: readonly Checkpoint[]): Promise<boolean[]> {
      const rows = await postgres.query<{ job_id: string; fence: number }>(
        `WITH held AS MATERIALIZED (
           -- Against whoever gives the job to another: the next attempt reads what this one has kept, or this one keeps nothing.
           SELECT jobs.id, t.fence, t.attempt, t.value FROM jobs
           JOIN unnest($2::uuid[], $3::bigint[], $4::integer[], $5::text[]) AS t(id, fence, attempt, value) ON t.id = jobs.id
           WHERE state = 'running' AND jobs.fence = t.fence AND boot_id = $1
           ORDER BY jobs.id FOR SHARE OF jobs
         )
         INSERT INTO checkpoints (job_id, fence, attempt, value) SELECT id, fence, attempt, value::json FROM held
         ON CONFLICT (job_id) DO UPDATE SET fence = excluded.fence, attempt = excluded.attempt, value = excluded.value, at = now()
           WHERE checkpoints.fence <= excluded.fence
         RETURNING job_id, fence`,
        [
          bootId,
          checkpoints.map(({ jobId }) => jobId),
          checkpoints.map(({ fence }) => fence),
          checkpoints.map(({ attempt }) => attempt),
          checkpoints.map(({ value }) => JSON.stringify(value)),
        ],
      )
      const kept = new Set(rows.map((row) => `${row.job_id} ${String(row.fence)}`))
      return checkpoints.map(({ jobId, fence }) => kept.has(`${jobId} ${String(fence)}`))
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
