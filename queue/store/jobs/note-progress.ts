import type { Postgres } from '../postgres.ts'

export interface ProgressNote {
  id: string
  fence: number
  /** 0 to 100. */
  progress: number
  note: string | null
}

/** Holders tell how far their runs are. What is not its own any more is left as it is. */
export async function noteProgress(
  postgres: Postgres,
  notes: readonly { bootId: string; note: ProgressNote }[],
): Promise<void> {
  await postgres.query(
    `WITH locked AS MATERIALIZED (
       SELECT jobs.id, t.progress, t.note FROM jobs JOIN unnest((SELECT $1::uuid[]), (SELECT $2::uuid[]), (SELECT $3::bigint[]), (SELECT $4::smallint[]), (SELECT $5::text[])) AS t(boot_id, id, fence, progress, note) ON t.id = jobs.id
       WHERE state = 'running' AND jobs.fence = t.fence AND jobs.boot_id = t.boot_id
       ORDER BY jobs.id FOR NO KEY UPDATE OF jobs
     )
     UPDATE jobs SET progress = locked.progress, progress_note = locked.note FROM locked WHERE jobs.id = locked.id`,
    [
      notes.map(({ bootId }) => bootId),
      notes.map(({ note }) => note.id),
      notes.map(({ note }) => note.fence),
      notes.map(({ note }) => note.progress),
      notes.map(({ note }) => note.note),
    ],
    'note-progress',
  )
}
