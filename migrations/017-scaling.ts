import type { Knex } from 'knex'

/** What the autoscaler knows of nodes, what it was told, and what it decided. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    ALTER TABLE nodes
      -- Since when a draining node has had no jobs, as it says itself: it may be stopped.
      ADD COLUMN drained_at timestamptz,
      -- What its machine is used to, 0 to 1, as of its last renewal; NULL for what it can't tell.
      ADD COLUMN cpu_use real,
      ADD COLUMN memory_use real,
      ADD COLUMN gpu_use real;
  `)
}
