import type { Postgres } from '../postgres.ts'
import { byIdOnly, inIdOrder } from './by-id.ts'

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
  const sorted = notes.toSorted(inIdOrder(({ note }) => note.id))
  await postgres.query(
    `UPDATE jobs SET progress = input.progress, progress_note = input.note
     FROM unnest((SELECT $1::uuid[]), (SELECT $2::uuid[]), (SELECT $3::bigint[]), (SELECT $4::smallint[]), (SELECT $5::text[])) AS input(boot_id, id, fence, progress, note)
     WHERE jobs.id = input.id AND jobs.state ${byIdOnly} = 'running' AND jobs.fence = input.fence AND jobs.boot_id = input.boot_id`,
    [
      sorted.map(({ bootId }) => bootId),
      sorted.map(({ note }) => note.id),
      sorted.map(({ note }) => note.fence),
      sorted.map(({ note }) => note.progress),
      sorted.map(({ note }) => note.note),
    ],
    'note-progress',
  )
}
