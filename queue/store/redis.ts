import { Redis } from 'ioredis'
import type { Logger } from '../../core/logger.ts'
import { QueueError } from '../domain/errors.ts'

/** For requests: a command fails at once while Redis is away, nothing waits in the client. */
const failFast = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 1,
  connectTimeout: 2000,
  commandTimeout: 2000,
  // A connection that died without a word would fail each command for as long as TCP hopes; nothing that is sent here takes Redis this long.
  socketTimeout: 4000,
}
/** For BullMQ's workers and for subscriptions: commands wait until Redis is back. BullMQ asks for exactly this. */
const patient = { enableOfflineQueue: true, maxRetriesPerRequest: null, connectTimeout: 5000 }

/** For the cache: nothing is tried twice, the record has it anyway. */
const oneTry = { ...failFast, maxRetriesPerRequest: 0 }

const optionsFor = { commands: failFast, cache: oneTry, worker: patient, subscriber: patient }

export type RedisPurpose = keyof typeof optionsFor

export interface RedisOptionsInput {
  redisUrl: string
  purpose: RedisPurpose
  /** Shown in CLIENT LIST. */
  name: string
  log: Logger
}

/** Opens a connection, which goes on connecting in the background. Reconnects for ever: 50 ms, doubling to 2 s, with jitter. */
export function openRedis({ redisUrl, purpose, name, log }: RedisOptionsInput): Redis {
  const redis = new Redis(redisUrl, {
    ...optionsFor[purpose],
    disconnectTimeout: 200, // ioredis holds the process up for this long when a connection that is down is closed
    connectionName: `noodle-${name}-${purpose}`,
    retryStrategy: (times) => Math.min(2000, 50 * 2 ** Math.min(times, 6)) * (0.5 + Math.random() / 2),
  })
  let isDown = false
  // One line when it goes and one when it comes back, not one for each try.
  redis.on('error', (error: Error) => {
    if (!isDown) log.warn('Redis is away', { purpose, error: error.message })
    isDown = true
  })
  redis.on('ready', () => {
    if (isDown) log.info('Redis is back', { purpose })
    isDown = false
  })
  return redis
}

/** Resolves when the connection is ready, or after the deadline: who opens it goes on without Redis then. */
export async function untilReady(redis: Redis, deadlineMs: number): Promise<boolean> {
  if (redis.status === 'ready') return true
  return new Promise((resolve) => {
    const settle = (isReady: boolean) => () => {
      clearTimeout(timer)
      redis.off('ready', onReady)
      resolve(isReady)
    }
    const onReady = settle(true)
    const timer = setTimeout(settle(false), deadlineMs)
    redis.once('ready', onReady)
  })
}

/** Closes without waiting for a server that is away. */
export async function closeRedis(redis: Redis): Promise<void> {
  if (redis.status === 'end') return
  if (redis.status === 'ready') await redis.quit().catch(() => redis.disconnect())
  else redis.disconnect()
}

export const redisUnavailable = (cause: unknown): QueueError =>
  new QueueError('REDIS_UNAVAILABLE', 'Redis is unavailable; try again.', { retryAfterSeconds: 2, cause })
