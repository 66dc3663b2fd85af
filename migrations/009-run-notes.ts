import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- A word about the progress.
    ALTER TABLE jobs ADD COLUMN progress_note text;

    -- What a run kept for the next attempt of its job; beside the jobs, for it may be large and is read once.
    CREATE TABLE checkpoints (
      job_id uuid PRIMARY KEY,
      fence bigint NOT NULL,
      attempt integer NOT NULL,
      value json NOT NULL,
      at timestamptz NOT NULL DEFAULT now()
    );

    -- Tasks that nodes have offered, as the newest registration told; they are remembered when no node is left.
    CREATE TABLE tasks (
      name text PRIMARY KEY,
      offer jsonb NOT NULL,
      offered_at timestamptz NOT NULL DEFAULT now()
    );
  `)
}
