import type { Knex } from 'knex'

/** Who does the duties that only one process may do at a time. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE leader (
      only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
      -- Grows with each change of the holder; what a leader writes it writes under its term.
      term bigint NOT NULL DEFAULT 0,
      holder uuid,
      -- How the holder's sessions with Postgres are called (application_name), so that its successor can end them.
      session text NOT NULL DEFAULT '',
      held_until timestamptz NOT NULL DEFAULT '-infinity'
    ) WITH (fillfactor = 50);
    INSERT INTO leader DEFAULT VALUES;
  `)
}
