import type { Knex } from 'knex'

/*
 * Made for 100 million rows (docs/adr/0002-retention.md): ids are UUIDv7, so inserts go to the right edge of every index; what the platform does by
 * itself (dispatch, claim, reap, expire, count) reads partial indexes that hold live jobs only; ended jobs leave in id order, a thousand at a time.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE jobs (
      id uuid PRIMARY KEY,
      tenant text NOT NULL,
      user_id uuid NOT NULL,
      task text NOT NULL,
      tier text NOT NULL,
      state text NOT NULL CHECK (state IN ('blocked', 'pending', 'queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired')),
      priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 9),
      -- json, not jsonb: it is handed back as it came, never searched by path, and costs no rewriting at acceptance.
      payload json NOT NULL,
      cpu real NOT NULL,
      memory_mb integer NOT NULL,
      gpu smallint NOT NULL,
      timeout_ms integer NOT NULL,
      expires_at timestamptz,
      max_attempts smallint NOT NULL,
      backoff_ms integer NOT NULL,
      backoff_strategy text NOT NULL CHECK (backoff_strategy IN ('fixed', 'exponential')),
      labels jsonb NOT NULL,
      replay_of uuid,
      -- Workers claim only the formats that they can read.
      format_version smallint NOT NULL DEFAULT 1,

      -- A pending job is ready once it is due; the dispatcher turns the flag, so that it never scans what waits for its time.
      due_at timestamptz NOT NULL,
      ready boolean NOT NULL,
      dispatch_seq integer NOT NULL DEFAULT 0,
      dispatched_at timestamptz,
      -- The BullMQ job that carries the present delivery; several jobs may share one.
      delivery_id uuid,

      fence bigint NOT NULL DEFAULT 0,
      node_id text,
      boot_id uuid,
      attempt integer NOT NULL DEFAULT 0,
      failures smallint NOT NULL DEFAULT 0,
      crashes smallint NOT NULL DEFAULT 0,
      hand_backs smallint NOT NULL DEFAULT 0,
      cancel_requested_at timestamptz,
      event_seq integer NOT NULL DEFAULT 1,

      progress smallint,
      result json,
      error jsonb,
      usage jsonb,
      created_at timestamptz NOT NULL DEFAULT now(),
      started_at timestamptz,
      finished_at timestamptz
    ) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

    CREATE INDEX jobs_ready ON jobs (tier, priority DESC, id) INCLUDE (due_at) WHERE state = 'pending' AND ready;
    CREATE INDEX jobs_not_due ON jobs (due_at) INCLUDE (tier) WHERE state = 'pending' AND NOT ready;
    CREATE INDEX jobs_queued ON jobs (tier, dispatched_at) INCLUDE (due_at) WHERE state = 'queued';
    CREATE INDEX jobs_running ON jobs (boot_id) WHERE state = 'running';
    CREATE INDEX jobs_expiring ON jobs (expires_at) WHERE expires_at IS NOT NULL AND state IN ('blocked', 'pending', 'queued');

    CREATE INDEX jobs_of_tenant ON jobs (tenant, id DESC);
    CREATE INDEX jobs_of_task ON jobs (tenant, task, id DESC);
    -- Live jobs are among a tenant's newest; an index for them would be written at each of their moves.
    CREATE INDEX jobs_ended_badly ON jobs (tenant, state, id DESC) WHERE state IN ('failed', 'cancelled', 'expired');
    -- What ended lately lies together in the table: a block range index costs next to nothing.
    CREATE INDEX jobs_finished ON jobs USING brin (finished_at) WITH (pages_per_range = 32, autosummarize = on);
    CREATE INDEX jobs_labels ON jobs USING gin (labels jsonb_path_ops) WHERE labels <> '{}';

    CREATE TABLE job_events (
      job_id uuid NOT NULL,
      seq integer NOT NULL,
      at timestamptz NOT NULL DEFAULT now(),
      state text NOT NULL,
      attempt integer,
      node_id text,
      fence bigint,
      reason text,
      PRIMARY KEY (job_id, seq)
    );

    -- One row for each attempt that ended, written with its end.
    CREATE TABLE attempts (
      job_id uuid NOT NULL,
      attempt integer NOT NULL,
      fence bigint NOT NULL,
      node_id text NOT NULL,
      boot_id uuid NOT NULL,
      outcome text NOT NULL CHECK (outcome IN ('succeeded', 'failed', 'cancelled', 'handed-back', 'worker-lost')),
      error jsonb,
      usage jsonb,
      started_at timestamptz NOT NULL,
      finished_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (job_id, attempt)
    );

    CREATE TABLE idempotency_keys (
      user_id uuid NOT NULL,
      key text NOT NULL,
      body_hash bytea NOT NULL,
      job_id uuid NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (user_id, key)
    );
    CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
  `)
}
