import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- A row a boot: a worker process from its start to its end. A dead boot never comes back.
    CREATE TABLE nodes (
      boot_id uuid PRIMARY KEY,
      id text NOT NULL,
      tiers text[] NOT NULL,
      cpus real NOT NULL,
      memory_mb integer NOT NULL,
      gpus smallint NOT NULL,
      concurrency integer NOT NULL,
      version text NOT NULL,
      tasks jsonb NOT NULL,
      state text NOT NULL CHECK (state IN ('ready', 'draining', 'stopped', 'dead')),
      started_at timestamptz NOT NULL DEFAULT now(),
      last_seen_at timestamptz NOT NULL DEFAULT now(),
      lease_expires_at timestamptz NOT NULL
    ) WITH (fillfactor = 50);
    CREATE INDEX nodes_live ON nodes (lease_expires_at) WHERE state IN ('ready', 'draining');
    CREATE UNIQUE INDEX nodes_live_id ON nodes (id) WHERE state IN ('ready', 'draining');
  `)
}
