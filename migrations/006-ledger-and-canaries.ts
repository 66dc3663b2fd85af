import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- One row: up to which id accepted jobs have been counted against their ends.
    CREATE TABLE ledger (
      only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
      counted_to uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'
    );
    INSERT INTO ledger DEFAULT VALUES;

    -- Counted stretches of ids, after the first and up to the last, that must be counted again: some of their jobs were live, or the sum was wrong.
    CREATE TABLE ledger_ranges (
      after_id uuid PRIMARY KEY,
      to_id uuid NOT NULL,
      jobs integer NOT NULL,
      missing integer NOT NULL,
      surplus integer NOT NULL,
      examples uuid[] NOT NULL,
      counted_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX ledger_ranges_age ON ledger_ranges (counted_at);

    -- The last canary of each tier, and when the last one that succeeded had been submitted.
    CREATE TABLE canaries (
      tier text PRIMARY KEY,
      job_id uuid NOT NULL,
      submitted_at timestamptz NOT NULL DEFAULT now(),
      succeeded_at timestamptz
    );
  `)
}
