import type { Job } from '../../domain/job.ts'
import type { Postgres } from '../postgres.ts'
import { inputColumns, type NewJob, toInput } from './accept.ts'
import { jobColumns, type JobRow, toJob } from './row.ts'

/** A submission that an earlier job may answer. */
export interface CachedAsk {
  job: NewJob
  /** Id of the earlier job, as the cache has it. It is only believed where its row agrees. */
  source: string
  /** How long ago the earlier one may have ended, by Postgres' clock. */
  ttlSeconds: number
}

/**
 * T1 and T14 in one statement: stores jobs that are due as succeeded, with the results of earlier equal ones. The earlier row must be of the same tenant and have
 * the same key, with its whole result in it; that is taken from there, so whatever the cache says, nobody gets what is not an equal job's of their own. Null where it can't answer, or the
 * idempotency key is known: then nothing was stored, and the job is to be accepted as any other.
 */
export async function acceptCached(
  postgres: Pick<Postgres, 'query'>,
  asks: readonly CachedAsk[],
): Promise<(Job | null)[]> {
  const rows = await postgres.query<JobRow>(
    `WITH input AS (
       SELECT * FROM json_to_recordset($1::json) AS t(${inputColumns}, source uuid, ttl_seconds integer)
     ), answered AS (
       SELECT input.*, earlier.result FROM input JOIN jobs AS earlier ON earlier.id = input.source
       WHERE earlier.tenant = input.tenant AND earlier.task = input.task AND earlier.cache_key = input.cache_key AND earlier.state = 'succeeded'
         AND earlier.finished_at > now() - ttl_seconds * interval '1 second' AND earlier.result_ref IS NULL
         AND NOT EXISTS (SELECT FROM artifacts WHERE artifacts.job_id = earlier.id)
         AND coalesce(run_at, now() + delay_ms * interval '1 millisecond') <= now()
     ), keyed AS (
       -- As in the acceptance of other jobs.
       INSERT INTO idempotency_keys AS known (user_id, key, body_hash, job_id)
       SELECT DISTINCT ON (user_id, idempotency_key) user_id, idempotency_key, body_hash, id FROM answered
       WHERE idempotency_key IS NOT NULL ORDER BY user_id, idempotency_key, id
       ON CONFLICT (user_id, key) DO UPDATE SET body_hash = excluded.body_hash, job_id = excluded.job_id, created_at = now()
         WHERE known.created_at < now() - interval '24 hours'
       RETURNING job_id
     ), inserted AS (
       INSERT INTO jobs (id, tenant, user_id, task, tier, state, priority, payload, cpu, memory_mb, gpu, timeout_ms, expires_at, max_attempts, backoff_ms, backoff_strategy,
                         escalate_tier, labels, replay_of, payload_ref, resources_from, due_at, ready, result, cached_from, finished_at, event_seq)
       SELECT id, tenant, user_id, task, tier, 'succeeded', priority, coalesce(payload, 'null'), cpu, memory_mb, gpu, timeout_ms, expires_at, max_attempts, backoff_ms,
              backoff_strategy, escalate_tier, labels, replay_of, payload_ref, resources_from, coalesce(run_at, now()), true, result, source, now(), 2
       FROM answered WHERE idempotency_key IS NULL OR id IN (SELECT job_id FROM keyed)
       RETURNING *
     ), event_rows AS (
       INSERT INTO job_events (job_id, seq, state, tenant, task, reason)
       SELECT id, 1, 'pending', tenant, task, NULL FROM inserted UNION ALL SELECT id, 2, 'succeeded', NULL, NULL, 'cached' FROM inserted
     )
     SELECT ${jobColumns} FROM inserted`,
    [
      JSON.stringify(
        asks.map(({ job, source, ttlSeconds }) => ({ ...toInput(job), source, ttl_seconds: ttlSeconds })),
      ),
    ],
    'accept-cached-jobs',
  )
  const jobs = new Map(rows.map((row) => [row.id, toJob(row)]))
  return asks.map(({ job }) => jobs.get(job.id) ?? null)
}
