import type { Postgres } from '../postgres.ts'

export interface QueuedTask {
  tier: string
  task: string
  /** Of their rows. */
  format: number
  jobs: number
}

/** Queued jobs by tier, task and format: no more rows are looked at than the dispatch windows hold. */
export async function countQueuedTasks(postgres: Postgres): Promise<QueuedTask[]> {
  return postgres.query<QueuedTask>(
    "SELECT tier, task, format_version AS format, count(*) AS jobs FROM jobs WHERE state = 'queued' GROUP BY tier, task, format_version ORDER BY tier, task",
  )
}
