import type { Postgres } from '../postgres.ts'

export interface ProgressNote {
  id: string
  fence: number
  /** 0 to 100. */
  progress: number
  note: string | null
}

/** The holder tells how far its runs are. What is not its own any more is left as it is. */
export async function noteProgress(
  postgres: Postgres,
  bootId: string,
  notes: readonly ProgressNote[],
): Promise<void> {
  await postgres.query(
    `WITH locked AS MATERIALIZED (
       SELECT jobs.id, t.progress, t.note FROM jobs JOIN unnest($2::uuid[], $3::bigint[], $4::smallint[], $5::text[]) AS t(id, fence, progress, note) ON t.id = jobs.id
       WHERE state = 'running' AND jobs.fence = t.fence AND boot_id = $1
       ORDER BY jobs.id FOR NO KEY UPDATE OF jobs
     )
     UPDATE jobs SET progress = locked.progress, progress_note = locked.note FROM locked WHERE jobs.id = locked.id`,
    [
      bootId,
      notes.map(({ id }) => id),
      notes.map(({ fence }) => fence),
      notes.map(({ progress }) => progress),
      notes.map(({ note }) => note),
    ],
    'note-progress',
  )
}
