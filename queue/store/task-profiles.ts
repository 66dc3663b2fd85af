import type { Redis } from 'ioredis'
import type { Logger } from '../../core/logger.ts'
import { profileKey } from './redis-keys.ts'

/** How long the tasks of a tier take, as workers find; a hint for packing deliveries, which may be missing. */
export interface TaskProfiles {
  /** Tells, in the background, how many ms jobs of each task held a slot. */
  tell(tier: string, serviceMs: ReadonlyMap<string, number>): void
  /** ms by task; empty while Redis is away or nobody told lately. */
  read(tier: string): Promise<Map<string, number>>
}

/** What was true a minute ago is not trusted to be so now. */
const keptMs = 60_000

export function makeTaskProfiles(redis: Redis, log: Logger): TaskProfiles {
  return {
    tell(tier, serviceMs) {
      const key = profileKey(tier)
      const fields = Object.fromEntries([...serviceMs].map(([task, ms]) => [task, ms.toFixed(2)]))
      Promise.all([redis.hset(key, fields), redis.pexpire(key, keptMs)]).catch((error: unknown) => {
        log.debug('task profile not told', { tier, error })
      })
    },
    async read(tier) {
      try {
        const fields = await redis.hgetall(profileKey(tier))
        return new Map(Object.entries(fields).map(([task, ms]) => [task, Number(ms)]))
      } catch {
        return new Map() // jobs travel alone then
      }
    },
  }
}
