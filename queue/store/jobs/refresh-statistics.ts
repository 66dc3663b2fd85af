import type { Postgres } from '../postgres.ts'

/** A table with fewer pages is read as quickly from end to end as by its index. */
const fewPages = 16

/**
 * Has Postgres look anew at a table of jobs that has outgrown what its planner knows: twice as large as then. A plan that was made for an empty table reads
 * it from end to end, is kept as long as the connection, and costs the more the more jobs there are; with new statistics all plans are made again. Autovacuum
 * does the same, but looks once a minute, in which hundreds of thousands of jobs may come. True when it was due.
 */
export async function refreshStatistics(postgres: Postgres): Promise<boolean> {
  const [row] = await postgres.query<{ isOutgrown: boolean }>(
    `SELECT pg_relation_size(oid) / current_setting('block_size')::integer > 2 * relpages + $1::integer AS "isOutgrown"
     FROM pg_class WHERE oid = 'jobs'::regclass`,
    [fewPages],
  )
  if (!row?.isOutgrown) return false
  // Of one column: the size and the new plans come with any, the rest is autovacuum's. Who holds the lock renews them too.
  await postgres.query('ANALYZE (SKIP_LOCKED) jobs (id)')
  return true
}
