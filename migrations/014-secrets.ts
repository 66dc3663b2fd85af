import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Secrets that tasks get by name. Nothing here tells a value without the key, which is never in a store.
    CREATE TABLE secrets (
      tenant text NOT NULL,
      name text NOT NULL,
      -- Counts how often it was set.
      version integer NOT NULL DEFAULT 1,
      -- Which key it is sealed with.
      key_id text NOT NULL,
      -- 12 bytes of nonce, the value encrypted by AES-256-GCM for this tenant and name, 16 bytes of tag.
      sealed bytea NOT NULL,
      updated_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (tenant, name)
    );
  `)
}
