import { canaryTenant } from '../../domain/canary.ts'
import { leastIdAt } from '../least-id.ts'
import type { Postgres } from '../postgres.ts'
import { queryByIndex } from '../query-by-index.ts'
import { estimateWaiting } from './estimate-waiting.ts'

/** Jobs of a tier, task and need that have something in common. */
export interface DemandRow {
  tier: string
  kind: 'waiting' | 'due' | 'arrived'
  task: string
  cpu: number
  memoryMb: number
  gpu: number
  jobs: number
  /** Waiting: of the oldest. */
  oldestWaitSeconds: number
  /** Waiting, of those that expire soon; due: each in so many seconds. */
  inSeconds: number[]
}

export interface RunningRow {
  tier: string
  task: string
  cpu: number
  memoryMb: number
  gpu: number
  nodeId: string
  ageSeconds: number
}

/** A job that has started since. */
export interface StartedRow {
  tier: string
  waitedMs: number
}

/** A run that has ended since. */
export interface EndedRow {
  tier: string
  task: string
  seconds: number
}

export interface TierDemand {
  /** Postgres' clock. */
  now: Date
  demand: DemandRow[]
  running: RunningRow[]
  started: StartedRow[]
  ended: EndedRow[]
  /** Tiers of which only the first jobs were looked at, and how many more there are, about. */
  beyond: Map<string, number>
}

/** Waiting jobs of a tier that are looked at, and jobs that have started or ended since the last look. What is beyond is like what is before it. */
const sample = 2000
/** Jobs that fall due or expire within it are told. */
const horizonSeconds = 1800

/**
 * What is asked of each tier, for its scaling; in one statement, which reads live jobs only, and of a long backlog its head: its cost does not grow with
 * the backlog. `since` is when it was asked last; null, or more than a minute ago, counts as five seconds ago. The platform's own canaries are no demand.
 */
export async function readDemand(
  postgres: Postgres,
  tiers: readonly string[],
  since: Date | null,
): Promise<TierDemand> {
  const [row] = await queryByIndex<{
    now: Date
    demand: DemandRow[] | null
    running: RunningRow[] | null
    started: StartedRow[] | null
    ended: EndedRow[] | null
    full: string[] | null
  }>(
    postgres,
    `WITH looked AS (SELECT unnest($1::text[]) AS tier),
     since AS (SELECT CASE WHEN $2::timestamptz > now() - interval '1 minute' THEN $2 ELSE now() - interval '5 seconds' END AS at),
     ready AS MATERIALIZED (
       SELECT jobs.* FROM looked CROSS JOIN LATERAL (
         SELECT tier, tenant, task, cpu, memory_mb, gpu, due_at, expires_at FROM jobs
         WHERE tier = looked.tier AND state = 'pending' AND ready ORDER BY priority DESC, id LIMIT $4
       ) AS jobs
     ), queued AS MATERIALIZED (
       SELECT jobs.* FROM looked CROSS JOIN LATERAL (
         SELECT tier, tenant, task, cpu, memory_mb, gpu, due_at, expires_at FROM jobs
         WHERE tier = looked.tier AND state = 'queued' ORDER BY dispatched_at LIMIT $4
       ) AS jobs
     ), delayed AS (
       SELECT tier, task, cpu, memory_mb, gpu, extract(epoch FROM due_at - now()) AS in_seconds FROM jobs
       WHERE state = 'pending' AND NOT ready AND due_at < now() + $5 * interval '1 second' AND tenant <> $3 ORDER BY due_at LIMIT $4
     ), running AS MATERIALIZED (
       SELECT tier, task, cpu, memory_mb, gpu, node_id, started_at, due_at FROM jobs WHERE state = 'running' AND tenant <> $3
     ), ended AS MATERIALIZED (
       SELECT tier, task, started_at, finished_at, due_at FROM jobs
       WHERE finished_at > (SELECT at FROM since) AND started_at IS NOT NULL AND state IN ('succeeded', 'failed') AND tenant <> $3 LIMIT $4
     ), demand AS (
       SELECT tier, 'waiting' AS kind, task, cpu, memory_mb, gpu, count(*) AS jobs, extract(epoch FROM now() - min(due_at)) AS oldest,
              array_agg(greatest(0, extract(epoch FROM expires_at - now()))::float8 ORDER BY expires_at)
                FILTER (WHERE expires_at < now() + $5 * interval '1 second') AS in_seconds
       FROM (SELECT * FROM ready UNION ALL SELECT * FROM queued) AS waiting WHERE tenant <> $3 GROUP BY tier, task, cpu, memory_mb, gpu
       UNION ALL
       SELECT tier, 'due', task, cpu, memory_mb, gpu, count(*), 0, array_agg(greatest(0, in_seconds)::float8 ORDER BY in_seconds)
       FROM delayed GROUP BY tier, task, cpu, memory_mb, gpu
       UNION ALL
       SELECT tier, 'arrived', task, cpu, memory_mb, gpu, count(*), 0, NULL FROM jobs
       WHERE id >= ${leastIdAt('(SELECT at FROM since)')} AND created_at > (SELECT at FROM since) AND tenant <> $3 GROUP BY tier, task, cpu, memory_mb, gpu
     )
     SELECT now() AS now,
       (SELECT json_agg(json_build_object('tier', tier, 'kind', kind, 'task', task, 'cpu', cpu, 'memoryMb', memory_mb, 'gpu', gpu, 'jobs', jobs,
                          'oldestWaitSeconds', greatest(0, oldest), 'inSeconds', coalesce(in_seconds, '{}'))) FROM demand) AS demand,
       (SELECT json_agg(json_build_object('tier', tier, 'task', task, 'cpu', cpu, 'memoryMb', memory_mb, 'gpu', gpu, 'nodeId', node_id,
                          'ageSeconds', greatest(0, extract(epoch FROM now() - started_at)))) FROM running) AS running,
       (SELECT json_agg(json_build_object('tier', tier, 'waitedMs', greatest(0, extract(epoch FROM started_at - due_at) * 1000)))
        FROM (SELECT tier, started_at, due_at FROM running UNION ALL SELECT tier, started_at, due_at FROM ended) AS begun
        WHERE started_at > (SELECT at FROM since)) AS started,
       (SELECT json_agg(json_build_object('tier', tier, 'task', task, 'seconds', extract(epoch FROM finished_at - started_at))) FROM ended) AS ended,
       (SELECT json_agg(tier) FROM (SELECT tier FROM ready GROUP BY tier HAVING count(*) >= $4) AS full_tiers) AS full`,
    [tiers, since, canaryTenant, sample, horizonSeconds],
  )
  if (!row) throw new Error('A statement without FROM gave no row.')
  return {
    now: row.now,
    demand: row.demand ?? [],
    running: row.running ?? [],
    started: row.started ?? [],
    ended: row.ended ?? [],
    beyond: new Map(
      await Promise.all(
        (row.full ?? []).map(
          async (tier) => [tier, Math.max(0, (await estimateWaiting(postgres, tier)) - sample)] as const,
        ),
      ),
    ),
  }
}
