import type { Postgres } from './postgres.ts'

export type LeaderTable = ReturnType<typeof openLeaderTable>

/** The one row that tells which process leads: a lease with a term, since a session lock would stay with a leader that is frozen. */
export function openLeaderTable(postgres: Postgres) {
  return {
    /**
     * Takes or renews the lead for `leaseMs`; answers with the term, or null while another process has it. Who takes it from another ends that one's
     * sessions first (`session` is how they are called, a prefix that no other process has): a transaction that was frozen half way must not go on.
     */
    async take(holder: string, session: string, leaseMs: number): Promise<number | null> {
      const rows = await postgres.query<{ term: number }>(
        `WITH former AS (
           SELECT holder, session FROM leader WHERE holder = $1 OR held_until < now() FOR UPDATE
         ), ended AS MATERIALIZED (
           SELECT count(pg_terminate_backend(pid)) AS sessions FROM former, pg_stat_activity
           WHERE former.holder <> $1 AND former.session <> '' AND datname = current_database() AND usename = current_user
             AND starts_with(application_name, former.session)
         )
         UPDATE leader SET term = term + (former.holder IS DISTINCT FROM $1)::integer, holder = $1, session = $2,
           held_until = now() + $3 * interval '1 millisecond'
         FROM former, ended RETURNING term`,
        [holder, session, leaseMs],
        'take-lead',
      )
      return rows[0]?.term ?? null
    },

    /** Lets another process take the lead at once. */
    async resign(holder: string): Promise<void> {
      await postgres.query(`UPDATE leader SET held_until = '-infinity', session = '' WHERE holder = $1`, [
        holder,
      ])
    },
  }
}
