import type { Redis } from 'ioredis'
import { redisUnavailable } from './redis.ts'
import { counterKey } from './redis-keys.ts'

/** A number in Redis that only rises. One that is lower than it was, or begins anew, tells that Redis lost what was written since. */
export interface RedisCounter {
  /** Answers with the count after it was raised. @throws REDIS_UNAVAILABLE: it may have been raised */
  raise(by: number): Promise<number>
}

export function makeRedisCounter(commands: Redis): RedisCounter {
  return {
    async raise(by) {
      try {
        return await commands.incrby(counterKey, by)
      } catch (error) {
        throw redisUnavailable(error)
      }
    },
  }
}
