import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Lines of a job's log, many a row. Read forwards from a line, so the key is the last line of each row.
    CREATE TABLE job_log_chunks (
      job_id uuid NOT NULL,
      attempt integer NOT NULL,
      last_seq integer NOT NULL,
      first_seq integer NOT NULL,
      -- Of the lines' text.
      text_bytes integer NOT NULL,
      -- JSON [[ms since 1970, stream, text], ...], deflated.
      lines bytea NOT NULL,
      PRIMARY KEY (job_id, attempt, last_seq)
    );
    -- Compressed already.
    ALTER TABLE job_log_chunks ALTER COLUMN lines SET STORAGE EXTERNAL;
  `)
}
