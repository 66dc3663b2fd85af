import { QueueError } from '../domain/errors.ts'
import { terminalStates } from '../domain/job-state.ts'
import { leastIdAt } from './least-id.ts'
import type { Postgres } from './postgres.ts'

/** Acceptance events held against terminal events and live rows. */
export interface Count {
  /** Jobs with an acceptance event. */
  accepted: number
  ended: number
  live: number
  /** Accepted, but neither ended nor live. */
  missing: number
  /** Ended more often than once, or live and ended, or never accepted. */
  surplus: number
  /** Ids of a few jobs that are missing or a surplus. */
  examples: string[]
}

/** A job that is said to stand in the dispatch window. */
export interface QueuedJob {
  id: string
  seq: number
  deliveryId: string
}

const terminal = terminalStates.map((state) => `'${state}'`).join(', ')

/** Jobs are counted in one statement, so in one snapshot: it is right while they move, and while ended ones are pruned with their events. */
const count = (where: (id: string) => string): string => `
  SELECT coalesce(sum(accepted), 0)::float8 AS accepted, coalesce(sum(ended), 0)::float8 AS ended, coalesce(sum(live), 0)::float8 AS live,
         coalesce(sum(greatest(accepted - ended - live, 0)), 0)::float8 AS missing, coalesce(sum(greatest(ended + live - accepted, 0)), 0)::float8 AS surplus,
         coalesce((array_agg(id) FILTER (WHERE accepted <> ended + live))[1:5], '{}') AS examples
  FROM (
    SELECT coalesce(told.job_id, live.id) AS id, coalesce(accepted, 0) AS accepted, coalesce(ended, 0) AS ended, (live.id IS NOT NULL)::integer AS live
    FROM (
      SELECT job_id, count(*) FILTER (WHERE seq = 1) AS accepted, count(*) FILTER (WHERE state IN (${terminal})) AS ended
      FROM job_events WHERE ${where('job_id')} GROUP BY job_id
    ) AS told FULL JOIN (
      SELECT id FROM jobs WHERE ${where('id')} AND state NOT IN (${terminal})
    ) AS live ON live.id = told.job_id
  ) AS balances`

/** True of a stretch that must be counted again. */
const isOpen = (counted: string): string =>
  `${counted}.live > 0 OR ${counted}.missing > 0 OR ${counted}.surplus > 0`

export type LedgerTable = ReturnType<typeof openLedgerTable>

/**
 * The ledger counts every job at least once, in stretches of ids, which begin with their time. A stretch whose jobs have all ended and add up is
 * done for good; the others are counted again. So at rest nothing is left to count, however many jobs there are.
 */
export function openLedgerTable(postgres: Postgres) {
  return {
    /**
     * Counts the next stretch of at most `limit` jobs. Answers with how many it held: fewer than the limit when none is left that is older than
     * `settleMs`, which is time for stragglers, or when another process is at it.
     */
    async countNext(options: { limit: number; settleMs: number }): Promise<number> {
      return postgres.transaction(async (query) => {
        const [ledger] = await query<{ after: string; to: string; jobs: number }>(
          `WITH ledger AS (
             SELECT counted_to FROM ledger FOR UPDATE SKIP LOCKED
           ), stretch AS (
             SELECT job_id FROM job_events
             WHERE seq = 1 AND job_id > (SELECT counted_to FROM ledger) AND job_id < ${leastIdAt(`now() - $2 * interval '1 millisecond'`)}
             ORDER BY job_id LIMIT $1
           )
           SELECT counted_to AS after, (SELECT job_id FROM stretch ORDER BY job_id DESC LIMIT 1) AS to, (SELECT count(*) FROM stretch) AS jobs
           FROM ledger WHERE EXISTS (SELECT FROM stretch)`,
          [options.limit, options.settleMs],
        )
        if (!ledger) return 0
        await query(
          `INSERT INTO ledger_ranges (after_id, to_id, jobs, missing, surplus, examples)
           SELECT $1, $2, accepted, missing, surplus, examples FROM (${count((id) => `${id} > $1 AND ${id} <= $2`)}) AS counted
           WHERE ${isOpen('counted')}`,
          [ledger.after, ledger.to],
        )
        await query('UPDATE ledger SET counted_to = $1', [ledger.to])
        return ledger.jobs
      })
    },

    /**
     * Counts the open stretches again that were not counted for the longest, at least `restMs` ago: as many as hold `limit` jobs, and no fewer than one.
     * Answers with how many jobs they held.
     */
    async recount(options: { limit: number; restMs: number }): Promise<number> {
      const rows = await postgres.query<{ jobs: number }>(
        `WITH aged AS (
           SELECT after_id, sum(jobs) OVER (ORDER BY counted_at, after_id) - jobs AS jobs_before FROM ledger_ranges
           WHERE counted_at <= now() - $2 * interval '1 millisecond'
         ), open AS (
           SELECT after_id, to_id FROM ledger_ranges WHERE after_id IN (SELECT after_id FROM aged WHERE jobs_before < $1) FOR UPDATE SKIP LOCKED
         ), counted AS (
           SELECT open.after_id, counts.* FROM open, LATERAL (${count((id) => `${id} > open.after_id AND ${id} <= open.to_id`)}) AS counts
         ), done AS (
           DELETE FROM ledger_ranges USING counted WHERE ledger_ranges.after_id = counted.after_id AND NOT (${isOpen('counted')})
         ), still_open AS (
           UPDATE ledger_ranges SET jobs = accepted, missing = counted.missing, surplus = counted.surplus, examples = counted.examples, counted_at = now()
           FROM counted WHERE ledger_ranges.after_id = counted.after_id AND (${isOpen('counted')})
         )
         SELECT coalesce(sum(accepted), 0)::float8 AS jobs FROM counted`,
        [options.limit, options.restMs],
      )
      return rows[0]?.jobs ?? 0
    },

    /** What does not add up in all that was counted so far. */
    async readGap(): Promise<Pick<Count, 'missing' | 'surplus' | 'examples'>> {
      const rows = await postgres.query<Pick<Count, 'missing' | 'surplus' | 'examples'>>(
        `SELECT coalesce(sum(missing), 0)::float8 AS missing, coalesce(sum(surplus), 0)::float8 AS surplus,
                (SELECT coalesce(array_agg(id), '{}') FROM (SELECT unnest(examples) AS id FROM ledger_ranges WHERE missing > 0 OR surplus > 0 LIMIT 5) AS few) AS examples
         FROM ledger_ranges`,
      )
      return rows[0] ?? { missing: 0, surplus: 0, examples: [] }
    },

    /** Counts every job; null when that took longer than the statement timeout. */
    async countAll(): Promise<Count | null> {
      try {
        const rows = await postgres.query<Count>(count(() => 'true'))
        return rows[0] ?? null
      } catch (error) {
        if (error instanceof QueueError && isTimeout(error.cause)) return null
        throw error
      }
    },

    /** Jobs of a tier that stand in the dispatch window, longest there first. */
    async listQueued(options: { tier: string; limit: number }): Promise<QueuedJob[]> {
      return postgres.query<QueuedJob>(
        `SELECT id, dispatch_seq AS seq, delivery_id AS "deliveryId" FROM jobs
         WHERE tier = $1 AND state = 'queued' ORDER BY dispatched_at LIMIT $2`,
        [options.tier, options.limit],
      )
    },

    /** Those that still stand in the window by the same dispatch. */
    async filterStillQueued(jobs: readonly QueuedJob[]): Promise<QueuedJob[]> {
      return postgres.query<QueuedJob>(
        `SELECT jobs.id, dispatch_seq AS seq, delivery_id AS "deliveryId" FROM jobs JOIN unnest($1::uuid[], $2::integer[]) AS seen(id, seq)
         ON jobs.id = seen.id AND dispatch_seq = seen.seq WHERE state = 'queued'`,
        [jobs.map((job) => job.id), jobs.map((job) => job.seq)],
      )
    },
  }
}

/** Postgres' query_canceled. */
const isTimeout = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === '57014'
