import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Configurations that processes have run with, each once; secrets are not among the settings.
    CREATE TABLE configs (
      hash text PRIMARY KEY,
      -- Not jsonb, which would change the order within values.
      settings json NOT NULL,
      last_used_at timestamptz NOT NULL DEFAULT now()
    );

    -- Which process took which configuration, and when.
    CREATE TABLE config_history (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      at timestamptz NOT NULL DEFAULT now(),
      -- What kind of process: gateway, ops, worker (small).
      process text NOT NULL,
      -- Which one: host and process id, or the node.
      instance text NOT NULL,
      version text NOT NULL,
      environment text,
      hash text NOT NULL,
      reason text NOT NULL CHECK (reason IN ('start', 'reload')),
      -- Names of the options that differ from what a process of the kind took before.
      changed text[] NOT NULL
    );
    CREATE INDEX config_history_newest ON config_history (process, id DESC);

    -- The newest format of job rows that a node reads; those of before read the first.
    ALTER TABLE nodes ADD COLUMN reads_format smallint NOT NULL DEFAULT 1;
  `)
}
