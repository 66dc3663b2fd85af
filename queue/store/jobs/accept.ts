import type { BlobRef } from '../../domain/blob.ts'
import type { JobSpec } from '../../domain/job.ts'
import type { JobState } from '../../domain/job-state.ts'
import type { Postgres } from '../postgres.ts'
import { formatToWrite } from './format-to-write.ts'

export interface NewJob {
  id: string
  tenant: string
  userId: string
  spec: JobSpec
  /** Where the payload is, when it is kept in the blob store. */
  payloadRef?: BlobRef
  /** The same key of the same user within the keeping time gives the first job again. `bodyHash` tells whether it is the same request. */
  idempotency: { key: string; bodyHash: Buffer } | null
  /** Of what it is equal to, when its result may answer later jobs. */
  cacheKey?: Buffer | null
}

export type Accepted =
  | { kind: 'accepted'; id: string; state: JobState; createdAt: Date }
  /** The key was used before: the job that it made, and whether the body was the same. */
  | { kind: 'known'; id: string; isSameBody: boolean }

/** Which jobs may be queued with their acceptance. */
export interface FastLane {
  /** Tiers, and how many jobs may be queued there in all; as long as nothing that is ready waits. */
  openTiers: ReadonlyMap<string, number>
  /** Jobs that share a delivery, and its id; the others have one each, of their own id. */
  deliveryIds: ReadonlyMap<string, string>
}

const closedLane: FastLane = { openTiers: new Map(), deliveryIds: new Map() }

/** What json_to_recordset reads of `toInput`. */
export const inputColumns = `
      id uuid, tenant text, user_id uuid, task text, tier text, priority smallint, payload json, cpu real, memory_mb integer, gpu real, run_at timestamptz,
      delay_ms bigint, timeout_ms integer, expires_at timestamptz, max_attempts smallint, backoff_ms integer, backoff_strategy text, escalate_tier boolean, labels jsonb, replay_of uuid,
      idempotency_key text, body_hash bytea, payload_ref jsonb, cache_key bytea, resources_from text`

/** What a statement that accepts jobs has to see to. What it need not, it leaves out: Postgres sets up each part anew for each statement, and statements carry a few jobs each. */
interface Duties {
  /** Some job has an idempotency key. */
  hasKeys: boolean
  /** Some tier is open. */
  hasLane: boolean
}

const textFor = ({ hasKeys, hasLane }: Duties): string => `
  WITH input AS (
    -- One JSON document: the driver writes it several times faster than arrays. A name that is absent is SQL's null, also where a payload is null.
    SELECT * FROM json_to_recordset($1::json) AS t(${inputColumns}, delivery_id uuid)
  )${hasKeys ? keyed : ''}${hasLane ? openTiers : ''}, new AS (
    SELECT input.*, due_at, due_at <= now() AS is_due${hasLane ? place : ''}
    FROM input, LATERAL (SELECT coalesce(run_at, now() + delay_ms * interval '1 millisecond') AS due_at) AS due
    ${hasKeys ? 'WHERE idempotency_key IS NULL OR id IN (SELECT job_id FROM keyed)' : ''}
  ), inserted AS (
    INSERT INTO jobs (id, tenant, user_id, task, tier, state, priority, payload, cpu, memory_mb, gpu, timeout_ms, expires_at, max_attempts, backoff_ms, backoff_strategy, escalate_tier,
                      labels, replay_of, payload_ref, cache_key, resources_from, due_at, ready, dispatch_seq, dispatched_at, delivery_id, event_seq, format_version)
    SELECT id, tenant, user_id, task, new.tier, ${hasLane ? "CASE WHEN is_queued THEN 'queued' ELSE 'pending' END" : "'pending'"}, priority, coalesce(payload, 'null'), cpu, memory_mb, gpu,
           timeout_ms, expires_at, max_attempts, backoff_ms, backoff_strategy, escalate_tier, labels, replay_of, payload_ref, cache_key, resources_from, due_at, is_due,
           ${hasLane ? 'is_queued::integer, CASE WHEN is_queued THEN now() END, CASE WHEN is_queued THEN coalesce(delivery_id, id) END, 1 + is_queued::integer' : '0, NULL, NULL, 1'}, ${formatToWrite()}
    FROM new${hasLane ? ' LEFT JOIN open_tiers ON open_tiers.tier = new.tier, LATERAL (SELECT is_due AND place <= coalesce(room, 0) AS is_queued) AS fast' : ''}
    RETURNING id, state, created_at, tenant, task
  ), event_rows AS (
    INSERT INTO job_events (job_id, seq, state, tenant, task)
    SELECT id, 1, 'pending', tenant, task FROM inserted${hasLane ? " UNION ALL SELECT id, 2, 'queued', NULL, NULL FROM inserted WHERE state = 'queued'" : ''}
  )
  SELECT id, state, created_at FROM inserted`

const keyed = `, keyed AS (
    -- In key order, so that two batches with the same keys can't wait for each other.
    INSERT INTO idempotency_keys AS known (user_id, key, body_hash, job_id)
    SELECT DISTINCT ON (user_id, idempotency_key) user_id, idempotency_key, body_hash, id FROM input
    WHERE idempotency_key IS NOT NULL ORDER BY user_id, idempotency_key, id
    ON CONFLICT (user_id, key) DO UPDATE SET body_hash = excluded.body_hash, job_id = excluded.job_id, created_at = now()
      WHERE known.created_at < now() - interval '24 hours'
    RETURNING job_id
  )`

const openTiers = `, open_tiers AS (
    -- Where nothing that is ready waits, so that nobody is overtaken; what there is room for. In subselects for the reason that the claim tells.
    SELECT tier, most - (SELECT count(*) FROM (SELECT FROM jobs WHERE jobs.tier = open.tier AND state = 'queued' LIMIT most) AS window_jobs) AS room
    FROM unnest((SELECT $2::text[]), (SELECT $3::integer[])) AS open(tier, most)
    WHERE NOT EXISTS (SELECT FROM jobs WHERE jobs.tier = open.tier AND state = 'pending' AND ready)
  )`

const place = `,
           row_number() OVER (PARTITION BY tier, due_at <= now() ORDER BY priority DESC, id) AS place`

const makeStatement = (duties: Duties): { name: string; text: string } => ({
  name: `accept-jobs${duties.hasKeys ? '-with-keys' : ''}${duties.hasLane ? '-on-lane' : ''}`,
  text: textFor(duties),
})

const [plain, onLane, withKeys, withKeysOnLane] = [
  makeStatement({ hasKeys: false, hasLane: false }),
  makeStatement({ hasKeys: false, hasLane: true }),
  makeStatement({ hasKeys: true, hasLane: false }),
  makeStatement({ hasKeys: true, hasLane: true }),
]

const statementFor = ({ hasKeys, hasLane }: Duties): typeof plain =>
  hasKeys ? (hasLane ? withKeysOnLane : withKeys) : hasLane ? onLane : plain

/**
 * T1: stores jobs with their keys and acceptance events in one statement, which is one transaction. One answer for each, in order. Due jobs may be queued
 * at once (T2), as `lane` says: then the caller delivers them, under 1 as number.
 */
export async function acceptJobs(
  postgres: Pick<Postgres, 'query'>,
  jobs: readonly NewJob[],
  { openTiers: open, deliveryIds }: FastLane = closedLane,
): Promise<Accepted[]> {
  const hasLane = open.size > 0
  const { name, text } = statementFor({
    hasKeys: jobs.some(({ idempotency }) => idempotency !== null),
    hasLane,
  })
  const rows = await postgres.query<{ id: string; state: JobState; created_at: Date }>(
    text,
    [
      JSON.stringify(jobs.map((job) => toInput(job, deliveryIds.get(job.id)))),
      ...(hasLane ? [[...open.keys()], [...open.values()]] : []),
    ],
    name,
  )
  const accepted = new Map(rows.map((row) => [row.id, row]))
  const known =
    accepted.size === jobs.length
      ? new Map<string, KnownKey>()
      : await findKeys(
          postgres,
          jobs.filter((job) => !accepted.has(job.id)),
        )
  return jobs.map((job) => {
    const row = accepted.get(job.id)
    if (row) return { kind: 'accepted', id: row.id, state: row.state, createdAt: row.created_at }
    const first = job.idempotency && known.get(keyOf(job.userId, job.idempotency.key))
    if (!first) throw new Error(`Job ${job.id} was neither stored nor known.`)
    return {
      kind: 'known',
      id: first.job_id,
      isSameBody: first.body_hash.equals(job.idempotency?.bodyHash ?? Buffer.alloc(0)),
    }
  })
}

/** As the statements that accept jobs read it. What is null is left out: Postgres would look at each name of each job. */
export const toInput = (
  { id, tenant, userId, spec, payloadRef, idempotency, cacheKey }: NewJob,
  deliveryId?: string,
): object => ({
  id,
  tenant,
  user_id: userId,
  task: spec.task,
  tier: spec.tier,
  priority: spec.priority,
  payload: payloadRef ? undefined : spec.payload,
  payload_ref: payloadRef,
  cpu: spec.resources.cpu,
  memory_mb: spec.resources.memoryMb,
  gpu: spec.resources.gpu,
  resources_from: spec.resourcesFrom,
  run_at: spec.runAt ?? undefined,
  delay_ms: spec.delayMs,
  timeout_ms: spec.timeoutMs,
  expires_at: spec.expiresAt ?? undefined,
  max_attempts: spec.retry.maxAttempts,
  backoff_ms: spec.retry.backoffMs,
  backoff_strategy: spec.retry.strategy,
  escalate_tier: spec.retry.escalateTier ?? false,
  labels: spec.labels,
  replay_of: spec.replayOf ?? undefined,
  idempotency_key: idempotency?.key,
  body_hash: bytea(idempotency?.bodyHash),
  cache_key: bytea(cacheKey),
  delivery_id: deliveryId,
})

const bytea = (bytes: Buffer | null | undefined): string | undefined =>
  bytes ? `\\x${bytes.toString('hex')}` : undefined

interface KnownKey {
  user_id: string
  key: string
  body_hash: Buffer
  job_id: string
}

const keyOf = (userId: string, key: string): string => `${userId} ${key}`

async function findKeys(
  postgres: Pick<Postgres, 'query'>,
  jobs: readonly NewJob[],
): Promise<Map<string, KnownKey>> {
  const rows = await postgres.query<KnownKey>(
    `SELECT user_id, key, body_hash, job_id FROM idempotency_keys
     WHERE (user_id, key) IN (SELECT * FROM unnest($1::uuid[], $2::text[]))`,
    [jobs.map((job) => job.userId), jobs.map((job) => job.idempotency?.key ?? null)],
  )
  return new Map(rows.map((row) => [keyOf(row.user_id, row.key), row]))
}
