import { canaryTenant } from '../../domain/canary.ts'
import { leastIdAt } from '../least-id.ts'
import type { Postgres } from '../postgres.ts'
import { queryByIndex } from '../query-by-index.ts'
import { estimateWaiting } from './estimate-waiting.ts'

export interface LiveCounts {
  tier: string
  pending: number
  queued: number
  running: number
  /** How long the oldest job that could run has waited; 0 when none waits. */
  oldestWaitMs: number
}

export interface TierCounts extends LiveCounts {
  /** Accepted in the last minute, and ended, each per second. */
  arrivalsPerSecond: number
  finishesPerSecond: number
}

/** Jobs of a tier that could run, up to which they are counted: to count a million takes half a second, each few seconds, of a machine that has better to do. */
const countedTo = 100_000

/**
 * Live jobs by tier, without the platform's own canaries. A tier without a row has none. Of more than `countedTo` that could run the planner's estimate
 * is told, which is as old as the last ANALYZE.
 */
export async function countLive(postgres: Postgres, mostCounted = countedTo): Promise<LiveCounts[]> {
  const rows = await queryByIndex<LiveCounts & { isMore: boolean }>(
    postgres,
    `WITH RECURSIVE tiers AS (
       (SELECT tier FROM jobs WHERE state = 'pending' AND ready ORDER BY tier LIMIT 1)
       UNION ALL
       SELECT (SELECT tier FROM jobs WHERE state = 'pending' AND ready AND tier > tiers.tier ORDER BY tier LIMIT 1) FROM tiers WHERE tier IS NOT NULL
     ), ready AS (
       SELECT tiers.tier, jobs, least(counted.oldest, heads.oldest) AS oldest FROM tiers
       CROSS JOIN LATERAL (
         SELECT count(*) AS jobs, min(due_at) AS oldest FROM (
           SELECT due_at FROM jobs WHERE tier = tiers.tier AND state = 'pending' AND ready ORDER BY priority DESC, id LIMIT $1
         ) AS first
       ) AS counted
       -- Of each priority the first, for those that are not counted.
       CROSS JOIN LATERAL (
         SELECT min(due_at) AS oldest FROM generate_series(0, 9) AS level CROSS JOIN LATERAL (
           SELECT due_at FROM jobs WHERE tier = tiers.tier AND state = 'pending' AND ready AND priority = level ORDER BY id LIMIT 1
         ) AS head
       ) AS heads
       WHERE tiers.tier IS NOT NULL
     ), by_state AS (
       -- One branch a partial index: an OR of states would read the whole table.
       SELECT tier, 'pending' AS state, true AS waits, jobs, oldest FROM ready
       UNION ALL SELECT tier, 'pending', false, count(*), NULL FROM jobs WHERE state = 'pending' AND NOT ready GROUP BY tier
       UNION ALL SELECT tier, 'queued', true, count(*), min(due_at) FROM jobs WHERE state = 'queued' GROUP BY tier
       UNION ALL SELECT tier, 'running', false, count(*), NULL FROM jobs WHERE state = 'running' GROUP BY tier
       -- Taken off again and not left out above, where the indexes alone are read.
       UNION ALL SELECT jobs.tier, state, state <> 'running', -1, NULL FROM canaries JOIN jobs ON id = job_id WHERE state IN ('pending', 'queued', 'running')
     ), live AS (
       SELECT tier, sum(jobs) FILTER (WHERE state = 'pending') AS pending, sum(jobs) FILTER (WHERE state = 'queued') AS queued,
              sum(jobs) FILTER (WHERE state = 'running') AS running,
              CASE WHEN sum(jobs) FILTER (WHERE waits) > 0 THEN min(oldest) END AS oldest
       FROM by_state GROUP BY tier
     )
     SELECT tier, coalesce(pending, 0)::float8 AS pending, coalesce(queued, 0)::float8 AS queued, coalesce(running, 0)::float8 AS running,
            coalesce(greatest(0, extract(epoch FROM now() - oldest) * 1000), 0)::float8 AS "oldestWaitMs",
            EXISTS (SELECT FROM ready WHERE ready.tier = live.tier AND ready.jobs >= $1) AS "isMore"
     FROM live`,
    [mostCounted],
  )
  return Promise.all(
    rows.map(async ({ isMore, ...counts }) => {
      if (!isMore) return counts
      const beyond = Math.max(0, (await estimateWaiting(postgres, counts.tier)) - mostCounted)
      return { ...counts, pending: counts.pending + beyond }
    }),
  )
}

/** The same with what has come and gone in the last minute: all of its jobs are read for that, so this is for who asks now and then. */
export async function countTiers(postgres: Postgres, mostCounted = countedTo): Promise<TierCounts[]> {
  const [live, rates] = await Promise.all([countLive(postgres, mostCounted), readRates(postgres)])
  const none = {
    pending: 0,
    queued: 0,
    running: 0,
    oldestWaitMs: 0,
    arrivalsPerSecond: 0,
    finishesPerSecond: 0,
  }
  const tiers = new Map<string, TierCounts>()
  for (const row of [...live, ...rates]) tiers.set(row.tier, { ...none, ...tiers.get(row.tier), ...row })
  return [...tiers.values()]
}

type TierRates = Pick<TierCounts, 'tier' | 'arrivalsPerSecond' | 'finishesPerSecond'>

async function readRates(postgres: Postgres): Promise<TierRates[]> {
  return queryByIndex<TierRates>(
    postgres,
    `WITH arrived AS (
       SELECT tier, count(*) AS jobs FROM jobs
       WHERE id >= ${leastIdAt("now() - interval '1 minute'")} AND tenant <> $1 GROUP BY tier
     ), finished AS (
       SELECT tier, count(*) AS jobs FROM jobs WHERE finished_at > now() - interval '1 minute' AND tenant <> $1 GROUP BY tier
     )
     SELECT tier, (coalesce(arrived.jobs, 0) / 60.0)::float8 AS "arrivalsPerSecond", (coalesce(finished.jobs, 0) / 60.0)::float8 AS "finishesPerSecond"
     FROM arrived FULL JOIN finished USING (tier)`,
    [canaryTenant],
  )
}
