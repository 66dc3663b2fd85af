import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Who said what the job asks for: the submission (job), the task's defaults (task), what its jobs have used (use), or nobody. Null of jobs before this version.
    ALTER TABLE jobs ADD COLUMN resources_from text;
  `)
}
