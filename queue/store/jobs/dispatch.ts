import type { DeliverySize } from '../../domain/dispatch-window.ts'
import type { Resources } from '../../domain/job.ts'
import type { Postgres } from '../postgres.ts'

export interface DispatchedJob {
  id: string
  seq: number
  /** Names the delivery that shall carry it; never used before. */
  deliveryId: string
  task: string
  tenant: string
  priority: number
  /** It must run alone: one more crash and it fails. */
  isSuspect: boolean
  /** Null when it asks for none. */
  resources: Resources | null
}

/** A job that was sent before, and by which delivery. */
export type SentJob = Pick<DispatchedJob, 'id' | 'seq' | 'deliveryId'>

const asks = 'jobs.gpu > 0 OR jobs.cpu > 0 OR jobs.memory_mb > 0'
/** Of a DispatchedJob; null costs nothing on the way. */
const resources = `CASE WHEN ${asks} THEN json_build_object('cpu', jobs.cpu, 'memoryMb', jobs.memory_mb, 'gpu', jobs.gpu) END AS resources`

/**
 * T2: moves ready jobs of a tier into the dispatch window, highest priority first, then oldest. Several dispatchers may run at once: each takes rows
 * that no other holds. Jobs of one task, tenant and priority share a delivery, as many as `sizes` allows the task (else one): up to `brief` always, up to `most`
 * so that at least `deliveries` are made while there are jobs for them; a job that asks for resources, and may have to wait for them, or is a suspect, travels alone.
 */
export async function dispatchReady(
  postgres: Postgres,
  input: {
    tier: string
    limit: number
    deliveries: number
    sizes: ReadonlyMap<string, DeliverySize>
    suspectFrom: number
  },
): Promise<DispatchedJob[]> {
  return postgres.query<DispatchedJob>(
    `WITH chosen AS (
       -- Where the row lies is the shortest way back to it. One that changed while it was being locked lies elsewhere, is passed over, and has its turn in the next round.
       SELECT ctid AS at, id, task, tenant, priority, ${asks} OR crashes >= $6::integer AS is_alone FROM jobs
       WHERE tier = $1 AND state = 'pending' AND ready AND (expires_at IS NULL OR expires_at > now())
       ORDER BY priority DESC, id LIMIT $2
       FOR UPDATE SKIP LOCKED
     ), packed AS (
       SELECT at, chosen.task, tenant, priority, is_alone,
              (row_number() OVER (PARTITION BY chosen.task, tenant, priority, is_alone ORDER BY id) - 1)
                / CASE WHEN is_alone THEN 1 ELSE greatest(coalesce(brief, 1), least(coalesce(most, 1), count(*) OVER () / $3::integer)) END AS place
       FROM chosen LEFT JOIN unnest($4::text[], $5::integer[], $7::integer[]) AS sizes(task, brief, most) ON sizes.task = chosen.task
     ), deliveries AS MATERIALIZED (
       SELECT task, tenant, priority, is_alone, place, gen_random_uuid() AS delivery_id FROM packed
       GROUP BY task, tenant, priority, is_alone, place
     ), moved AS (
       UPDATE jobs SET state = 'queued', dispatch_seq = dispatch_seq + 1, dispatched_at = now(), delivery_id = deliveries.delivery_id, event_seq = event_seq + 1
       FROM packed JOIN deliveries USING (task, tenant, priority, is_alone, place)
       WHERE jobs.ctid = packed.at
       RETURNING jobs.id, dispatch_seq, jobs.delivery_id, jobs.task, jobs.tenant, jobs.priority, crashes, event_seq, ${resources}
     ), event_rows AS (
       INSERT INTO job_events (job_id, seq, state) SELECT id, event_seq, 'queued' FROM moved
     )
     SELECT id, dispatch_seq AS seq, delivery_id AS "deliveryId", task, tenant, priority, crashes >= $6::integer AS "isSuspect", resources FROM moved ORDER BY priority DESC, id`,
    [
      input.tier,
      input.limit,
      input.deliveries,
      [...input.sizes.keys()],
      [...input.sizes.values()].map(({ brief }) => brief),
      input.suspectFrom,
      [...input.sizes.values()].map(({ most }) => most),
    ],
    'dispatch-ready',
  )
}

/** Jobs of a tier in the dispatch window; counts no further than `most`. */
export async function countQueued(postgres: Postgres, tier: string, most: number): Promise<number> {
  const rows = await postgres.query<{ queued: number }>(
    `SELECT count(*) AS queued FROM (SELECT FROM jobs WHERE tier = $1 AND state = 'queued' LIMIT $2) AS window_jobs`,
    [tier, most],
    'count-queued',
  )
  return rows[0]?.queued ?? 0
}

/**
 * T12: jobs that a delivery brought to a worker which could not start them in time go back to the backlog; it costs them nothing. Only those that are
 * still queued under the delivery's number. Answers with their ids.
 */
export async function releaseJobs(
  postgres: Postgres,
  jobs: readonly { id: string; seq: number }[],
): Promise<string[]> {
  const rows = await postgres.query<{ id: string }>(
    `WITH locked AS (
       SELECT jobs.id FROM jobs JOIN unnest($1::uuid[], $2::integer[]) AS held(id, seq) ON held.id = jobs.id
       WHERE state = 'queued' AND dispatch_seq = held.seq ORDER BY jobs.id FOR UPDATE OF jobs
     ), released AS (
       UPDATE jobs SET state = 'pending', event_seq = event_seq + 1 FROM locked WHERE jobs.id = locked.id
       RETURNING jobs.id, event_seq
     ), event_rows AS (
       INSERT INTO job_events (job_id, seq, state, reason) SELECT id, event_seq, 'pending', 'released' FROM released
     )
     SELECT id FROM released`,
    [jobs.map((job) => job.id), jobs.map((job) => job.seq)],
    'release-jobs',
  )
  return rows.map((row) => row.id)
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

/** Queued jobs of a tier whose delivery is older than `olderThanMs` (and younger than `youngerThanMs`), the oldest first: those whose delivery may have been lost. */
export async function findStaleDeliveries(
  postgres: Postgres,
  input: { tier: string; olderThanMs: number; youngerThanMs?: number; limit: number },
): Promise<SentJob[]> {
  return postgres.query<SentJob>(
    `SELECT id, dispatch_seq AS seq, delivery_id AS "deliveryId" FROM jobs
     WHERE tier = $1 AND state = 'queued' AND dispatched_at < now() - $2 * interval '1 millisecond'
       AND dispatched_at > CASE WHEN $4::integer IS NULL THEN '-infinity' ELSE now() - $4 * interval '1 millisecond' END
     ORDER BY dispatched_at LIMIT $3`,
    [input.tier, input.olderThanMs, input.limit, input.youngerThanMs ?? null],
  )
}

/**
 * T2 once more, for queued jobs whose delivery is gone: a new delivery under a new number, which those share that shared the lost one: Redis, just back,
 * has its window again with as few deliveries as it had. Only rows that still carry the given number; one that is
 * locked is being claimed or cancelled, and is passed over. To wait for it would hold up all others, and might close a circle with a claim.
 */
export async function redispatch(
  postgres: Postgres,
  jobs: readonly { id: string; seq: number }[],
  suspectFrom: number,
): Promise<DispatchedJob[]> {
  return postgres.query<DispatchedJob>(
    `WITH chosen AS (
       SELECT jobs.id, delivery_id FROM jobs JOIN unnest($1::uuid[], $2::integer[]) AS lost(id, seq) ON lost.id = jobs.id
       WHERE state = 'queued' AND dispatch_seq = lost.seq
       FOR UPDATE OF jobs SKIP LOCKED
     ), anew AS MATERIALIZED (
       SELECT delivery_id, gen_random_uuid() AS new_id FROM chosen GROUP BY delivery_id
     )
     UPDATE jobs SET dispatch_seq = dispatch_seq + 1, dispatched_at = now(), delivery_id = anew.new_id
     FROM chosen JOIN anew USING (delivery_id) WHERE jobs.id = chosen.id
     RETURNING jobs.id, dispatch_seq AS seq, jobs.delivery_id AS "deliveryId", task, tenant, priority, crashes >= $3::integer AS "isSuspect", ${resources}`,
    [jobs.map((job) => job.id), jobs.map((job) => job.seq), suspectFrom],
  )
}

/** Looked at and found alive: not to be looked at again for a while. Those that are locked are passed over, as by redispatch. */
export async function touchDeliveries(postgres: Postgres, ids: readonly string[]): Promise<void> {
  await postgres.query(
    `WITH chosen AS (
       SELECT id FROM jobs WHERE id = ANY($1::uuid[]) AND state = 'queued' FOR UPDATE SKIP LOCKED
     )
     UPDATE jobs SET dispatched_at = now() FROM chosen WHERE jobs.id = chosen.id`,
    [ids],
  )
}
