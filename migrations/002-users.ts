import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE users (
      id uuid PRIMARY KEY,
      username text NOT NULL UNIQUE,
      password_hash text NOT NULL,
      role text NOT NULL CHECK (role IN ('admin', 'user', 'worker')),
      tenant text NOT NULL,
      token_version integer NOT NULL DEFAULT 1,
      disabled_at timestamptz,
      created_at timestamptz NOT NULL DEFAULT now()
    );

    -- Opaque refresh tokens, hashed. A used row stays until its family ends, so that reuse is recognised.
    CREATE TABLE refresh_tokens (
      hash bytea PRIMARY KEY,
      family_id uuid NOT NULL,
      user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
      issued_at timestamptz NOT NULL DEFAULT now(),
      family_ends_at timestamptz NOT NULL,
      used_at timestamptz,
      revoked_at timestamptz,
      revoked_because text
    );
    CREATE INDEX refresh_tokens_family ON refresh_tokens (family_id);
    CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);
    CREATE INDEX refresh_tokens_end ON refresh_tokens (family_ends_at);

    CREATE TABLE audit (
      id uuid PRIMARY KEY,
      at timestamptz NOT NULL DEFAULT now(),
      user_id uuid,
      username text,
      tenant text,
      action text NOT NULL,
      target text,
      network text,
      request_id text,
      details jsonb NOT NULL DEFAULT '{}'
    );
    CREATE INDEX audit_tenant ON audit (tenant, id DESC);
  `)
}
