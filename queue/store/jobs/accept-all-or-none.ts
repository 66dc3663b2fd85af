import type { Job } from '../../domain/job.ts'
import type { Postgres } from '../postgres.ts'
import { acceptCached, type CachedAsk } from './accept-cached.ts'
import { type Accepted, acceptJobs, type NewJob } from './accept.ts'

/**
 * T1 for all or none, and T14 for those of them that an ask is about and that it can answer. One answer for each, in order.
 * @throws what `refuse` throws about an answer; nothing is stored then
 */
export async function acceptAllOrNone(
  postgres: Postgres,
  jobs: readonly NewJob[],
  asks: readonly CachedAsk[],
  refuse: (answer: Accepted, index: number) => void,
): Promise<(Accepted | { kind: 'answered'; job: Job })[]> {
  return postgres.transaction(async (query) => {
    const answered = new Map<string, Job>()
    if (asks.length > 0)
      for (const job of await acceptCached({ query }, asks)) if (job) answered.set(job.id, job)
    const others = jobs.filter(({ id }) => !answered.has(id))
    const accepted = new Map(
      (await acceptJobs({ query }, others)).map((answer, i) => [others[i]?.id, answer]),
    )
    return jobs.map(({ id }, index) => {
      const job = answered.get(id)
      if (job) return { kind: 'answered', job }
      const answer = accepted.get(id)
      if (!answer) throw new Error(`Job ${id} was not accepted.`)
      refuse(answer, index)
      return answer
    })
  })
}
