import type { Postgres } from '../postgres.ts'
import type { SentJob } from './dispatch.ts'

/** Queued jobs of a tier that were dispatched between two times, both included, the oldest first. */
export async function findDispatched(
  postgres: Postgres,
  input: { tier: string; from: Date; until: Date; limit: number },
): Promise<SentJob[]> {
  return postgres.query<SentJob>(
    `SELECT id, dispatch_seq AS seq, delivery_id AS "deliveryId" FROM jobs
     WHERE tier = $1 AND state = 'queued' AND dispatched_at BETWEEN $2 AND $3 ORDER BY dispatched_at LIMIT $4`,
    [input.tier, input.from, input.until, input.limit],
  )
}
