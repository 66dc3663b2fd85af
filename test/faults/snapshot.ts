import type pg from 'pg'
import type { JobState } from '../../queue/domain/job-state.ts'
import { type Effect, readEffects } from './effect-log.ts'
import type { JobKind } from './job-kinds.ts'

export interface JobSnapshot {
  id: string
  state: JobState
  fence: number
  request: string
  kind: JobKind
  errorCode: string | null
  isResultWrong: boolean
  expiresAt: Date | null
  events: EventSnapshot[]
  effects: Effect[]
  /** Fences of attempts that are recorded as succeeded. */
  succeededFences: number[]
}

export interface EventSnapshot {
  seq: number
  at: Date
  state: JobState
  fence: number | null
  reason: string | null
}

/** The record as it stands, read past everything that the platform itself says: jobs of one cycle or, without it, of all. */
export async function readJobs(
  sql: pg.Pool,
  options: { cycle?: number; effectLog: string },
): Promise<Map<string, JobSnapshot>> {
  const filter = options.cycle === undefined ? {} : { cycle: String(options.cycle) }
  const { rows } = await sql.query<
    Omit<JobSnapshot, 'events' | 'effects' | 'succeededFences' | 'kind'> & { kind: string }
  >(
    `SELECT id, state, fence::float8 AS fence, labels->>'request' AS request, labels->>'kind' AS kind, error->>'code' AS "errorCode",
            task = 'echo' AND state = 'succeeded' AND result::jsonb IS DISTINCT FROM payload::jsonb AS "isResultWrong", expires_at AS "expiresAt"
     FROM jobs WHERE labels ? 'cycle' AND labels @> $1`,
    [filter],
  )
  const jobs = new Map<string, JobSnapshot>(
    rows.map((row) => [
      row.id,
      { ...row, kind: row.kind.replace('-', ' ') as JobKind, events: [], effects: [], succeededFences: [] },
    ]),
  )
  const ids = [...jobs.keys()]
  const events = await sql.query<EventSnapshot & { id: string }>(
    `SELECT job_id AS id, seq, at, state, fence::float8 AS fence, reason FROM job_events WHERE job_id = ANY($1::uuid[]) ORDER BY job_id, seq`,
    [ids],
  )
  for (const { id, ...event } of events.rows) jobs.get(id)?.events.push(event)
  const attempts = await sql.query<{ id: string; fence: number }>(
    `SELECT job_id AS id, fence::float8 AS fence FROM attempts WHERE job_id = ANY($1::uuid[]) AND outcome = 'succeeded'`,
    [ids],
  )
  for (const { id, fence } of attempts.rows) jobs.get(id)?.succeededFences.push(fence)
  for (const effect of readEffects(options.effectLog)) jobs.get(effect.jobId)?.effects.push(effect)
  return jobs
}

/** Ids of our jobs that have not ended; the platform may run some of its own. */
export async function findLive(sql: pg.Pool): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>(
    "SELECT id FROM jobs WHERE labels ? 'cycle' AND state NOT IN ('succeeded', 'failed', 'cancelled', 'expired')",
  )
  return rows.map(({ id }) => id)
}
