import type { Postgres } from './postgres.ts'

export interface Artifact {
  name: string
  bytes: number
  /** In hexadecimal digits. */
  sha256: string
}

/** An artifact of an attempt that has ended. */
export interface ShownArtifact extends Artifact {
  attempt: number
  fence: number
}

export type ArtifactsTable = ReturnType<typeof openArtifactsTable>

/** Ends of attempts after which nothing of them is believed. */
const notShown = `outcome IN ('handed-back', 'worker-lost')`

/** What runs left as files; their content is in the blob store. */
export function openArtifactsTable(postgres: Postgres) {
  return {
    /** Answers whether they were kept: the holder's are, those of a job that is somebody else's by now are not. Twice is harmless. */
    async keep(
      bootId: string,
      run: { jobId: string; fence: number },
      artifacts: readonly Artifact[],
    ): Promise<boolean> {
      const rows = await postgres.query(
        `WITH held AS MATERIALIZED (
           SELECT id FROM jobs WHERE id = $2 AND state = 'running' AND fence = $3 AND boot_id = $1 FOR SHARE
         ), kept AS (
           INSERT INTO artifacts (job_id, fence, name, bytes, sha256)
           SELECT id, $3, name, bytes, sha256 FROM held, unnest($4::text[], $5::bigint[], $6::text[]) AS t(name, bytes, sha256)
           ON CONFLICT (job_id, fence, name) DO UPDATE SET bytes = excluded.bytes, sha256 = excluded.sha256
         )
         SELECT 1 FROM held`,
        [
          bootId,
          run.jobId,
          run.fence,
          artifacts.map(({ name }) => name),
          artifacts.map(({ bytes }) => bytes),
          artifacts.map(({ sha256 }) => sha256),
        ],
      )
      return rows.length > 0
    },

    /** Of an attempt, by default the newest that has ended; by name, at most `limit`, those after the name `after`. */
    async list(
      jobId: string,
      page: { attempt: number | null; limit: number; after?: string | undefined },
    ): Promise<ShownArtifact[]> {
      return postgres.query<ShownArtifact>(
        `SELECT name, bytes, sha256, attempt, artifacts.fence
         FROM (
           SELECT attempt, fence FROM attempts WHERE job_id = $1 AND ($2::integer IS NULL OR attempt = $2) AND NOT ${notShown}
           ORDER BY attempt DESC LIMIT 1
         ) AS ended
         JOIN artifacts ON job_id = $1 AND artifacts.fence = ended.fence
         WHERE name COLLATE "C" > $3 ORDER BY name COLLATE "C" LIMIT $4`,
        [jobId, page.attempt, page.after ?? '', page.limit],
      )
    },

    /** Of an attempt, by default the newest that has ended. */
    async find(jobId: string, name: string, attempt: number | null): Promise<ShownArtifact | null> {
      const rows = await postgres.query<ShownArtifact>(
        `SELECT name, bytes, sha256, attempt, artifacts.fence
         FROM (
           SELECT attempt, fence FROM attempts WHERE job_id = $1 AND ($3::integer IS NULL OR attempt = $3) AND NOT ${notShown}
           ORDER BY attempt DESC LIMIT 1
         ) AS ended
         JOIN artifacts ON job_id = $1 AND artifacts.fence = ended.fence AND name = $2`,
        [jobId, name, attempt],
      )
      return rows[0] ?? null
    },
  }
}
