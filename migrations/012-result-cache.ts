import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Of a job that was submitted with cache: SHA-256 over its task, version and payload. Its result may answer later jobs with the same.
    ALTER TABLE jobs ADD COLUMN cache_key bytea;
    -- The job whose result this one was answered with, without running.
    ALTER TABLE jobs ADD COLUMN cached_from uuid;
  `)
}
