import type { Postgres } from '../postgres.ts'

export interface QueuedTask {
  tier: string
  task: string
  jobs: number
}

/** Queued jobs by tier and task: no more rows are looked at than the dispatch windows hold. */
export async function countQueuedTasks(postgres: Postgres): Promise<QueuedTask[]> {
  return postgres.query<QueuedTask>(
    "SELECT tier, task, count(*) AS jobs FROM jobs WHERE state = 'queued' GROUP BY tier, task ORDER BY tier, task",
  )
}
