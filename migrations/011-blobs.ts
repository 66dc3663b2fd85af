import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- {key, bytes, sha256} of a payload or result that is kept in the blob store; then the column beside it is null.
    ALTER TABLE jobs ADD COLUMN payload_ref jsonb, ADD COLUMN result_ref jsonb;

    -- What runs left as files in their folder of artifacts. Stored before the end of its attempt, and shown once the attempts row of its fence is there.
    CREATE TABLE artifacts (
      job_id uuid NOT NULL,
      fence bigint NOT NULL,
      name text NOT NULL,
      bytes bigint NOT NULL,
      sha256 text NOT NULL,
      PRIMARY KEY (job_id, fence, name)
    );

    -- Names this installation in its blob store, so that none removes what is another's.
    ALTER TABLE platform ADD COLUMN installation uuid NOT NULL DEFAULT gen_random_uuid();
  `)
}
