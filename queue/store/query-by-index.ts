import type { Postgres } from './postgres.ts'

/**
 * Runs a statement that has an index for each table which grows, by these alone and in one process. The planner does not foresee how little a BRIN index
 * leaves to read (of ended jobs those of the last seconds), and would rather read all jobs, with several processes, each time.
 */
export function queryByIndex<Row extends object>(
  postgres: Postgres,
  text: string,
  values: readonly unknown[],
): Promise<Row[]> {
  return postgres.transaction(async (query) => {
    await query(
      "SELECT set_config('enable_seqscan', 'off', true), set_config('max_parallel_workers_per_gather', '0', true)",
    )
    return query<Row>(text, values)
  })
}
