import type { Knex } from 'knex'

/** What the autoscaler was told, has learnt and decided. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE scaling (
      tier text PRIMARY KEY,
      -- What was changed of the configured policy.
      policy jsonb NOT NULL DEFAULT '{}',
      -- The last decision, kept up each time that one is made.
      term bigint NOT NULL DEFAULT 0,
      decided_at timestamptz,
      desired integer,
      starting integer NOT NULL DEFAULT 0,
      reason text,
      inputs jsonb,
      -- What the policy has learnt, for the next leader.
      history jsonb
    ) WITH (fillfactor = 50);

    -- Each change of what is desired.
    CREATE TABLE scaling_decisions (
      id uuid PRIMARY KEY,
      tier text NOT NULL,
      at timestamptz NOT NULL DEFAULT now(),
      mode text NOT NULL,
      from_nodes integer NOT NULL,
      to_nodes integer NOT NULL,
      reason text NOT NULL,
      inputs jsonb NOT NULL
    );
    CREATE INDEX scaling_decisions_of_tier ON scaling_decisions (tier, id DESC);

    -- Each node that was asked for, to know how long nodes take to come up.
    CREATE TABLE node_starts (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      tier text NOT NULL,
      asked_at timestamptz NOT NULL DEFAULT now(),
      node_id text,
      ready_at timestamptz
    );
    CREATE INDEX node_starts_of_tier ON node_starts (tier, id DESC);
    CREATE UNIQUE INDEX node_starts_node ON node_starts (node_id) WHERE node_id IS NOT NULL;
  `)
}
