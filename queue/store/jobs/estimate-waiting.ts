import type { Postgres } from '../postgres.ts'

/** How many jobs of a tier could run, about: as many as the planner takes there to be, by what the last ANALYZE has seen. It costs the same whatever there is. */
export async function estimateWaiting(postgres: Postgres, tier: string): Promise<number> {
  const [row] = await postgres.query<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }>(
    `EXPLAIN (FORMAT JSON) SELECT FROM jobs WHERE tier = '${tier.replaceAll("'", "''")}' AND state = 'pending' AND ready`,
  )
  return row?.['QUERY PLAN'][0].Plan['Plan Rows'] ?? 0
}
