import { canaryTenant, type CanaryHealth } from '../domain/canary.ts'
import { terminalStates } from '../domain/job-state.ts'
import type { Postgres } from './postgres.ts'

/** A tier whose turn it is, with the id that its canary must have. */
export interface CanaryTurn {
  tier: string
  id: string
  expiresAt: Date
}

export type CanariesTable = ReturnType<typeof openCanariesTable>

export function openCanariesTable(postgres: Postgres) {
  return {
    /**
     * Takes the turns of those tiers that have a ready node, no live canary, and none submitted in the last `everyMs`. Of any number of processes that
     * ask one gets a turn. Who takes it and dies leaves out one canary.
     */
    async takeTurns(
      canaries: readonly { tier: string; id: string }[],
      options: { everyMs: number; expireMs: number },
    ): Promise<CanaryTurn[]> {
      const inOrder = canaries.toSorted((a, b) => a.tier.localeCompare(b.tier)) // two that ask at once can't wait for each other
      return postgres.query<CanaryTurn>(
        `INSERT INTO canaries AS last (tier, job_id)
         SELECT tier, id FROM unnest($1::text[], $2::uuid[]) AS turn(tier, id)
         WHERE EXISTS (SELECT FROM nodes WHERE state = 'ready' AND lease_expires_at > now() AND tier = ANY(tiers))
         ON CONFLICT (tier) DO UPDATE SET job_id = excluded.job_id, submitted_at = now(),
           succeeded_at = CASE WHEN EXISTS (SELECT FROM jobs WHERE id = last.job_id AND state = 'succeeded') THEN last.submitted_at ELSE last.succeeded_at END
           WHERE last.submitted_at <= now() - $3 * interval '1 millisecond'
             AND NOT EXISTS (SELECT FROM jobs WHERE id = last.job_id AND state <> ALL($5))
         RETURNING tier, job_id AS id, submitted_at + $4 * interval '1 millisecond' AS "expiresAt"`,
        [
          inOrder.map(({ tier }) => tier),
          inOrder.map(({ id }) => id),
          options.everyMs,
          options.expireMs,
          terminalStates,
        ],
      )
    },

    /** Notes which canaries have succeeded. */
    async noteSuccesses(): Promise<void> {
      await postgres.query(
        `UPDATE canaries SET succeeded_at = submitted_at FROM jobs
         WHERE jobs.id = canaries.job_id AND jobs.state = 'succeeded' AND succeeded_at IS DISTINCT FROM submitted_at`,
      )
    },

    /** Of the tiers that have a ready node. */
    async readHealth(): Promise<CanaryHealth[]> {
      return postgres.query<CanaryHealth>(
        `SELECT tier, greatest(0, extract(epoch FROM now() - greatest(min(nodes.started_at), succeeded_at)) * 1000)::float8 AS "ageMs",
                bool_or(concurrency > (SELECT count(*) FROM jobs WHERE jobs.boot_id = nodes.boot_id AND jobs.state = 'running')) AS "hasFreeSlot"
         FROM nodes CROSS JOIN LATERAL unnest(tiers) AS tier LEFT JOIN canaries USING (tier)
         WHERE nodes.state = 'ready' AND lease_expires_at > now()
         GROUP BY tier, succeeded_at ORDER BY tier`,
      )
    },

    /**
     * Removes canaries that ended more than `keepMs` ago, with their events and attempts: they are no history. Their acceptance events tell which they are,
     * by index; by when they ended all of history would be read.
     */
    async prune(keepMs: number): Promise<void> {
      await postgres.query(
        `WITH jobs_gone AS (
           DELETE FROM jobs WHERE id = ANY(ARRAY(SELECT job_id FROM job_events WHERE seq = 1 AND tenant = $1))
             AND state = ANY($2) AND finished_at < now() - $3 * interval '1 millisecond' RETURNING id
         ), events_gone AS (
           DELETE FROM job_events USING jobs_gone WHERE job_id = id
         )
         DELETE FROM attempts USING jobs_gone WHERE job_id = id`,
        [canaryTenant, terminalStates, keepMs],
      )
    },
  }
}
