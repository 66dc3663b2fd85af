import type { Deliveries } from './deliveries.ts'
import { redisUnavailable } from './redis.ts'

/** A place in a tier's queue, from which a look through it goes on. */
export interface Place {
  list: (typeof lists)[number]
  /** Deliveries of the list before it. */
  offset: number
}

/** BullMQ's lists of what no worker holds: sent, come again after its holder died, and returned by its holder. */
const lists = ['prioritized', 'waiting', 'delayed'] as const

const firstPlace: Place = { list: lists[0], offset: 0 }

export interface WaitingDelivery {
  id: string
  jobIds: string[]
}

export interface WaitingDeliveries {
  /** At most `limit` deliveries from a place on; `next` is undefined at the end. What comes and goes meanwhile may be passed over. @throws REDIS_UNAVAILABLE */
  list(
    tier: string,
    from: Place | undefined,
    limit: number,
  ): Promise<{ found: WaitingDelivery[]; next: Place | undefined }>
  /** Removes those that no worker has taken meanwhile; answers with how many. @throws REDIS_UNAVAILABLE */
  remove(tier: string, ids: readonly string[]): Promise<number>
}

export function makeWaitingDeliveries(queueOf: Deliveries['queueOf']): WaitingDeliveries {
  return {
    async list(tier, { list, offset } = firstPlace, limit) {
      try {
        const ids = await queueOf(tier).getRanges([list], offset, offset + limit - 1, true)
        const entries = await Promise.all(ids.map((id) => queueOf(tier).getJob(id)))
        const found = entries.flatMap((entry) =>
          entry?.id === undefined ? [] : [{ id: entry.id, jobIds: entry.data.jobs.map((job) => job.id) }],
        )
        if (ids.length === limit) return { found, next: { list, offset: offset + limit } }
        const following = lists[lists.indexOf(list) + 1]
        return { found, next: following && { list: following, offset: 0 } }
      } catch (error) {
        throw redisUnavailable(error)
      }
    },
    async remove(tier, ids) {
      try {
        const removed = await Promise.all(ids.map((id) => queueOf(tier).remove(id)))
        return removed.filter((count) => count > 0).length
      } catch (error) {
        throw redisUnavailable(error)
      }
    },
  }
}
