import type { ClaimedJob } from '../../domain/job.ts'
import type { Postgres } from '../postgres.ts'
import { claimedColumns, type ClaimedRow, toClaimedJob } from './claim.ts'

/** Those of the jobs that the boot holds, as their claims answered. */
export async function findHeld(
  postgres: Postgres,
  bootId: string,
  ids: readonly string[],
): Promise<ClaimedJob[]> {
  const rows = await postgres.query<ClaimedRow & { id: string }>(
    `SELECT id, ${claimedColumns} FROM jobs WHERE id = ANY($2::uuid[]) AND boot_id = $1 AND state = 'running'`,
    [bootId, ids],
  )
  return rows.map((row) => toClaimedJob(row.id, row))
}

/** A start of a job. */
export interface Start {
  jobId: string
  attempt: number
}

/** The starts of the jobs that the boot has made, whether they have ended or not. */
export async function findStarts(
  postgres: Postgres,
  bootId: string,
  ids: readonly string[],
): Promise<Start[]> {
  return postgres.query<Start>(
    `SELECT id AS "jobId", attempt FROM jobs WHERE id = ANY($2::uuid[]) AND boot_id = $1 AND state = 'running'
     UNION ALL SELECT job_id, attempt FROM attempts WHERE job_id = ANY($2::uuid[]) AND boot_id = $1`,
    [bootId, ids],
  )
}
