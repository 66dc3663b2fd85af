import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- A job may ask for a fraction of a GPU.
    ALTER TABLE jobs ALTER COLUMN gpu TYPE real;
  `)
}
