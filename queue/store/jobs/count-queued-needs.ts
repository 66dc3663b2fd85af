import type { Resources } from '../../domain/job.ts'
import type { Postgres } from '../postgres.ts'

export interface QueuedNeed extends Resources {
  tier: string
  jobs: number
}

/** Queued jobs that ask for resources, by tier and by what they ask for: no more rows are looked at than the dispatch windows hold. */
export async function countQueuedNeeds(postgres: Postgres): Promise<QueuedNeed[]> {
  return postgres.query<QueuedNeed>(
    `SELECT tier, cpu, memory_mb AS "memoryMb", gpu, count(*) AS jobs FROM jobs
     WHERE state = 'queued' AND (cpu > 0 OR memory_mb > 0 OR gpu > 0) GROUP BY tier, cpu, memory_mb, gpu ORDER BY jobs DESC, tier, cpu, memory_mb, gpu`,
  )
}
