import type { Knex } from 'knex'

/** How many jobs of a tier are in a state, for the planner: of a long backlog it tells how long it is, and the tier of a job says much about its state. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('CREATE STATISTICS jobs_by_state (mcv) ON tier, state, ready FROM jobs')
}
