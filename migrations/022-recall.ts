import type { Knex } from 'knex'

/** A drain that scaling asked for may be taken back; one that somebody else asked for may not. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    ALTER TABLE nodes
      -- It drains for the autoscaler, which may call it back for as long as it has not drained.
      ADD COLUMN is_recallable boolean NOT NULL DEFAULT false;
  `)
}
