import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- After running out of memory its next attempt goes to the next larger tier.
    ALTER TABLE jobs ADD COLUMN escalate_tier boolean NOT NULL DEFAULT false;
  `)
}
