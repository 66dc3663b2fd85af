import type { Redis } from 'ioredis'
import type { Logger } from '../../../core/logger.ts'
import { redisUnavailable } from '../redis.ts'
import { cacheKeysBeginning } from '../redis-keys.ts'

/** The second level, shared by all processes. While its Redis is away, or slow, it holds nothing: nobody waits for a cache. */
export interface RedisLevel {
  /** What is there, and how long it stays. Never rejects. */
  get(key: string): Promise<{ text: string; leftMs: number } | undefined>
  /** In the background. */
  set(key: string, text: string, ttlMs: number): void
  /** Best effort. Never rejects. */
  remove(key: string): Promise<void>
  /**
   * Removes the keys of names that begin so and match, wherever they are, and answers with them. By SCAN, so Redis serves others meanwhile.
   * @throws REDIS_UNAVAILABLE: some may be there still
   */
  removeMatching(prefix: string, matches: (key: string) => boolean): Promise<string[]>
}

/** The longest that a request waits for this level; the record answers in less. */
const patienceMs = 100

/** After a command failed, or took too long, Redis is left alone for so long. */
const restMs = 1000

const scanned = 1000

export function makeRedisLevel(redis: Redis, log: Logger, nowMs: () => number): RedisLevel {
  let restsUntilMs = -Infinity

  const isAtHand = (): boolean => redis.status === 'ready' && nowMs() >= restsUntilMs

  function rest(error: unknown): void {
    restsUntilMs = nowMs() + restMs
    log.debug('the cache Redis failed and is left alone for a while', { error })
  }

  return {
    async get(key) {
      if (!isAtHand()) return undefined
      try {
        const [text, leftMs] = await soon(Promise.all([redis.get(key), redis.pttl(key)]))
        return text === null || leftMs <= 0 ? undefined : { text, leftMs }
      } catch (error) {
        rest(error)
        return undefined
      }
    },
    set(key, text, ttlMs) {
      if (ttlMs >= 1 && isAtHand()) redis.set(key, text, 'PX', Math.floor(ttlMs)).catch(rest)
    },
    async remove(key) {
      if (isAtHand()) await soon(redis.unlink(key)).catch(rest)
    },
    async removeMatching(prefix, matches) {
      const removed: string[] = []
      try {
        let cursor = '0'
        do {
          const [next, keys] = await redis.scan(cursor, 'MATCH', cacheKeysBeginning(prefix), 'COUNT', scanned)
          const matching = keys.filter(matches)
          if (matching.length > 0) await redis.unlink(...matching)
          removed.push(...matching)
          cursor = next
        } while (cursor !== '0')
        return removed
      } catch (error) {
        throw redisUnavailable(error)
      }
    },
  }
}

/** @throws Error when the answer does not come in time; should it come later, nobody hears it */
function soon<T>(answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new Error(`No answer within ${String(patienceMs)} ms.`))
    const timer = setTimeout(late, patienceMs)
    answer.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
