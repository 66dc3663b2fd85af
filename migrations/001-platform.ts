import type { Knex } from 'knex'

/** One row: what the platform as a whole remembers. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE platform (
      only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
      -- Fences of epoch e begin at e * 2^32. Raised when another Postgres than the recorded one is found, before anything is dispatched.
      epoch integer NOT NULL DEFAULT 0,
      -- When the reaper last looked, and until when it holds back after a gap: nodes must get the chance to renew first.
      reaper_seen_at timestamptz,
      reaper_held_until timestamptz
    );
    INSERT INTO platform DEFAULT VALUES;
  `)
}
