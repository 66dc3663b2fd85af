import { leastIdAt } from '../least-id.ts'
import { canaryTenant } from '../../domain/canary.ts'
import type { Resources } from '../../domain/job.ts'
import type { Postgres } from '../postgres.ts'

/** An attempt that has ended. */
export interface Run extends Resources {
  jobId: string
  attempt: number
  tier: string
  task: string
  /** When it could have started: when its job was accepted or due, or the backoff before a last attempt over. Of other attempts it is when they did. */
  readyAt: Date
  startedAt: Date
  finishedAt: Date
  expiresAt: Date | null
}

/** A page of the ended attempts of jobs that were accepted within the last `hours`, without the platform's own, in the order of acceptance. */
export async function listRuns(
  postgres: Postgres,
  input: { hours: number; after: { jobId: string; attempt: number } | null; limit: number },
): Promise<Run[]> {
  const { hours, after, limit } = input
  return postgres.query<Run>(
    `SELECT jobs.id AS "jobId", attempts.attempt, tier, task, cpu, memory_mb AS "memoryMb", gpu, expires_at AS "expiresAt",
            attempts.started_at AS "startedAt", attempts.finished_at AS "finishedAt",
            least(attempts.started_at, CASE WHEN attempts.attempt = jobs.attempt THEN greatest(due_at, created_at)
                                            WHEN attempts.attempt = 1 THEN created_at ELSE attempts.started_at END) AS "readyAt"
     FROM jobs JOIN attempts ON job_id = jobs.id
     WHERE jobs.id >= ${leastIdAt("now() - $1 * interval '1 hour'")} AND tenant <> $2
       AND ($3::uuid IS NULL OR (jobs.id, attempts.attempt) > ($3, $4))
     ORDER BY jobs.id, attempts.attempt LIMIT $5`,
    [hours, canaryTenant, after?.jobId ?? null, after?.attempt ?? 0, limit],
  )
}
