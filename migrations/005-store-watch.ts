import type { Knex } from 'knex'

/** What is remembered of the two stores, to notice that one of them lost data, fell back or was exchanged. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    ALTER TABLE platform
      -- The Postgres that was last worked with: its cluster (system identifier), the timeline of its WAL, and the database. Another one raises the epoch.
      ADD COLUMN postgres_cluster bigint,
      ADD COLUMN postgres_timeline integer,
      ADD COLUMN postgres_database oid,
      -- What was wrong with the stores when ops last looked, a sentence each.
      ADD COLUMN store_troubles text[] NOT NULL DEFAULT '{}',
      ADD COLUMN stores_checked_at timestamptz;

    -- One row, apart from platform because it is written each second.
    CREATE TABLE redis_watch (
      only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
      -- Who raises the counter in Redis, and until when nobody else does.
      holder uuid,
      held_until timestamptz NOT NULL DEFAULT '-infinity',
      -- The highest count that Redis is known to have had, and when it was raised to it.
      count bigint NOT NULL DEFAULT 0,
      counted_at timestamptz,
      -- Jobs dispatched between these two may have lost their delivery.
      lost_from timestamptz,
      lost_until timestamptz
    ) WITH (fillfactor = 50);
    INSERT INTO redis_watch DEFAULT VALUES;

    -- The last ten minutes: when the counter was raised to what. A ring, the slot of a count is count % 600.
    CREATE TABLE redis_counts (
      slot smallint PRIMARY KEY,
      count bigint NOT NULL,
      at timestamptz NOT NULL
    ) WITH (fillfactor = 50);
  `)
}
