import type { Postgres } from '../postgres.ts'

export interface DispatchedJob {
  id: string
  seq: number
  /** Names the delivery that shall carry it; never used before. */
  deliveryId: string
  task: string
  tenant: string
  priority: number
}

/**
 * T2: moves ready jobs of a tier into the dispatch window as far as it has room, highest priority first, then oldest. Several dispatchers may run
 * at once: each takes rows that no other holds.
 */
export async function dispatchReady(
  postgres: Postgres,
  input: { tier: string; window: number; limit: number },
): Promise<DispatchedJob[]> {
  return postgres.query<DispatchedJob>(
    `WITH room AS (
       SELECT greatest(0, $2 - count(*)) AS jobs FROM jobs WHERE tier = $1 AND state = 'queued'
     ), chosen AS (
       SELECT id FROM jobs
       WHERE tier = $1 AND state = 'pending' AND ready AND (expires_at IS NULL OR expires_at > now())
       ORDER BY priority DESC, id LIMIT least($3, (SELECT jobs FROM room))
       FOR UPDATE SKIP LOCKED
     ), moved AS (
       UPDATE jobs SET state = 'queued', dispatch_seq = dispatch_seq + 1, dispatched_at = now(), delivery_id = gen_random_uuid(), event_seq = event_seq + 1
       FROM chosen WHERE jobs.id = chosen.id
       RETURNING jobs.id, dispatch_seq, delivery_id, task, tenant, priority, event_seq
     ), event_rows AS (
       INSERT INTO job_events (job_id, seq, state) SELECT id, event_seq, 'queued' FROM moved
     )
     SELECT id, dispatch_seq AS seq, delivery_id AS "deliveryId", task, tenant, priority FROM moved ORDER BY priority DESC, id`,
    [input.tier, input.window, input.limit],
    'dispatch-ready',
  )
}

/** Marks pending jobs whose time has come as ready. Answers with how many, and in how many ms the next one is due (null for none). */
export async function readyDueJobs(
  postgres: Postgres,
  limit: number,
): Promise<{ readied: number; nextDueMs: number | null }> {
  const rows = await postgres.query<{ readied: number; next_due_ms: number | null }>(
    `WITH due AS (
       SELECT id FROM jobs WHERE state = 'pending' AND NOT ready AND due_at <= now()
       ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
     ), readied AS (
       UPDATE jobs SET ready = true FROM due WHERE jobs.id = due.id RETURNING jobs.id
     )
     SELECT (SELECT count(*) FROM readied) AS readied,
            (SELECT ceil(extract(epoch FROM min(due_at) - clock_timestamp()) * 1000)::float8 FROM jobs
             WHERE state = 'pending' AND NOT ready AND due_at > now()) AS next_due_ms`,
    [limit],
    'ready-due',
  )
  return { readied: rows[0]?.readied ?? 0, nextDueMs: rows[0]?.next_due_ms ?? null }
}

/** Queued jobs of a tier whose delivery is older than `olderThanMs`, the oldest first: those whose delivery may have been lost. */
export async function findStaleDeliveries(
  postgres: Postgres,
  input: { tier: string; olderThanMs: number; limit: number },
): Promise<DispatchedJob[]> {
  return postgres.query<DispatchedJob>(
    `SELECT id, dispatch_seq AS seq, delivery_id AS "deliveryId", task, tenant, priority FROM jobs
     WHERE tier = $1 AND state = 'queued' AND dispatched_at < now() - $2 * interval '1 millisecond' ORDER BY dispatched_at LIMIT $3`,
    [input.tier, input.olderThanMs, input.limit],
  )
}

/** T2 once more, for queued jobs whose delivery is gone: a new delivery under a new number. Only rows that still carry the given number. */
export async function redispatch(
  postgres: Postgres,
  jobs: readonly { id: string; seq: number }[],
): Promise<DispatchedJob[]> {
  return postgres.query<DispatchedJob>(
    `UPDATE jobs SET dispatch_seq = dispatch_seq + 1, dispatched_at = now(), delivery_id = gen_random_uuid()
     FROM unnest($1::uuid[], $2::integer[]) AS lost(id, seq)
     WHERE jobs.id = lost.id AND state = 'queued' AND dispatch_seq = lost.seq
     RETURNING jobs.id, dispatch_seq AS seq, delivery_id AS "deliveryId", task, tenant, priority`,
    [jobs.map((job) => job.id), jobs.map((job) => job.seq)],
  )
}

/** Looked at and found alive: not to be looked at again for a while. */
export async function touchDeliveries(postgres: Postgres, ids: readonly string[]): Promise<void> {
  await postgres.query(
    `UPDATE jobs SET dispatched_at = now() WHERE id = ANY($1::uuid[]) AND state = 'queued'`,
    [ids],
  )
}
