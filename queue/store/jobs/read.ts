import { canaryTenant } from '../../domain/canary.ts'
import type { Job, JobEvent } from '../../domain/job.ts'
import { type JobState, terminalStates } from '../../domain/job-state.ts'
import type { Postgres } from '../postgres.ts'
import { jobColumns, type JobRow, toJob } from './row.ts'

/** Null when there is none, or it is another tenant's. A null tenant sees all. */
export async function findJob(postgres: Postgres, id: string, tenant: string | null): Promise<Job | null> {
  const rows = await postgres.query<JobRow>(
    `SELECT ${jobColumns} FROM jobs WHERE id = $1 AND ($2::text IS NULL OR tenant = $2)`,
    [id, tenant],
  )
  return rows[0] ? toJob(rows[0]) : null
}

export interface JobFilter {
  /** Without one all but the platform's own canaries. */
  tenant?: string | undefined
  states?: readonly JobState[] | undefined
  tasks?: readonly string[] | undefined
  tiers?: readonly string[] | undefined
  labels?: Record<string, string> | undefined
  createdAfter?: Date | undefined
  createdBefore?: Date | undefined
  /** Text in payload, error or labels, in any case. */
  text?: string | undefined
}

/** Newest first, at most `limit`, those older than the id `before`. */
export async function listJobs(
  postgres: Postgres,
  filter: JobFilter,
  page: { limit: number; before?: string | undefined },
): Promise<Job[]> {
  const values: unknown[] = []
  const bind = (value: unknown): string => `$${String(values.push(value))}`
  const where: string[] = []
  const isByAcceptance = isReadByAcceptance(filter)
  const own: string[] = []
  own.push(
    filter.tenant === undefined ? `tenant <> ${bind(canaryTenant)}` : `tenant = ${bind(filter.tenant)}`,
  )
  if (filter.tasks) own.push(`task = ANY(${bind(filter.tasks)})`)
  const from = isByAcceptance
    ? `(SELECT job_id FROM job_events WHERE seq = 1 AND ${own.join(' AND ')}) AS accepted
       CROSS JOIN LATERAL (SELECT * FROM jobs WHERE id = job_id LIMIT 1) AS jobs` // row by row: a merge could read other tenants' rows from end to end
    : 'jobs'
  if (!isByAcceptance) where.push(...own)
  if (filter.states) where.push(`state = ANY(${bind(filter.states)})`)
  if (filter.tiers) where.push(`tier = ANY(${bind(filter.tiers)})`)
  // The second condition lets the partial index of labelled jobs serve.
  if (filter.labels) where.push(`labels @> ${bind(JSON.stringify(filter.labels))}::jsonb AND labels <> '{}'`)
  if (filter.createdAfter) where.push(`created_at > ${bind(filter.createdAfter)}`)
  if (filter.createdBefore) where.push(`created_at < ${bind(filter.createdBefore)}`)
  if (filter.text !== undefined) {
    const pattern = bind(`%${filter.text.replace(/[\\%_]/g, '\\$&')}%`)
    where.push(
      `(payload::text ILIKE ${pattern} OR error::text ILIKE ${pattern} OR labels::text ILIKE ${pattern})`,
    )
  }
  const id = isByAcceptance ? 'job_id' : 'id'
  if (page.before) where.push(`${id} < ${bind(page.before)}`)
  const rows = await postgres.query<JobRow>(
    `SELECT ${jobColumns} FROM ${from} ${where.length > 0 ? `WHERE ${where.join(' AND ')}` : ''} ORDER BY ${id} DESC LIMIT ${bind(page.limit)}`,
    values,
  )
  return rows.map(toJob)
}

/**
 * A tenant's jobs are found by their acceptance events, which are indexed by tenant and task and written once. Labels, and states that are rare, have
 * indexes of the jobs themselves.
 */
function isReadByAcceptance({ tenant, states, labels }: JobFilter): boolean {
  const areRare = states?.every((state) => ['failed', 'cancelled', 'expired'].includes(state)) ?? false
  return tenant !== undefined && !labels && !areRare
}

/** The timeline from the event after `afterSeq`, oldest first. */
export async function listEvents(postgres: Postgres, jobId: string, afterSeq = 0): Promise<JobEvent[]> {
  const rows = await postgres.query<{
    seq: number
    at: Date
    state: JobState
    attempt: number | null
    node_id: string | null
    reason: string | null
  }>(
    'SELECT seq, at, state, attempt, node_id, reason FROM job_events WHERE job_id = $1 AND seq > $2 ORDER BY seq',
    [jobId, afterSeq],
  )
  return rows.map((row) => ({
    seq: row.seq,
    at: row.at,
    state: row.state,
    ...(row.attempt !== null && { attempt: row.attempt }),
    ...(row.node_id !== null && { nodeId: row.node_id }),
    ...(row.reason !== null && { reason: row.reason }),
  }))
}

/** How far a job is, 0 to 100, with its task's word about it; null when its task does not tell. */
export async function findProgress(
  postgres: Postgres,
  id: string,
): Promise<{ attempt: number; progress: number; note: string | null } | null> {
  const rows = await postgres.query<{ attempt: number; progress: number; note: string | null }>(
    'SELECT attempt, progress, progress_note AS note FROM jobs WHERE id = $1 AND progress IS NOT NULL',
    [id],
  )
  return rows[0] ?? null
}

/** Those of the ids that have ended. */
export async function findEnded(postgres: Postgres, ids: readonly string[]): Promise<string[]> {
  const rows = await postgres.query<{ id: string }>(
    'SELECT id FROM jobs WHERE id = ANY($1::uuid[]) AND state = ANY($2)',
    [ids, terminalStates],
  )
  return rows.map((row) => row.id)
}

/** Those of the ids that run. */
export async function findRunning(postgres: Postgres, ids: readonly string[]): Promise<string[]> {
  const rows = await postgres.query<{ id: string }>(
    "SELECT id FROM jobs WHERE id = ANY($1::uuid[]) AND state = 'running'",
    [ids],
  )
  return rows.map((row) => row.id)
}

/** The newest fence of each of the jobs, and whether it runs under it. Those that are not there are left out. */
export async function listFences(
  postgres: Postgres,
  ids: readonly string[],
): Promise<Map<string, { fence: number; isRunning: boolean }>> {
  const rows = await postgres.query<{ id: string; fence: number; is_running: boolean }>(
    "SELECT id, fence, state = 'running' AS is_running FROM jobs WHERE id = ANY($1::uuid[])",
    [ids],
  )
  return new Map(rows.map((row) => [row.id, { fence: row.fence, isRunning: row.is_running }]))
}
