import { every } from '../../core/every.ts'
import type { Component } from '../../core/lifecycle.ts'
import { makeTokenBucket } from '../../core/token-bucket.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { redeliverLost } from '../../queue/use-cases/redeliver-lost.ts'
import { watchRedis } from '../../queue/use-cases/watch-redis.ts'

/**
 * How fast deliveries are sent anew: about as fast as a large installation's workers take them, so that nobody waits for it, and Redis and Postgres, which
 * have just come back, keep the greater part of their time for everybody else.
 */
const jobsPerSecond = 5000
const roundSize = 1000

/** Notices each second that Redis lost data, and fills it again from Postgres. */
export function makeRedisWatcher(deps: QueueDeps, random: () => number = Math.random): Component {
  const { log } = deps
  const holder = deps.newId()
  const bucket = makeTokenBucket({ perSecond: jobsPerSecond, burst: roundSize })
  let doubt: Awaited<ReturnType<typeof watchRedis>> = null

  const refill = every(
    1000,
    async () => {
      if (!doubt) return
      const looked = await redeliverLost(deps, doubt, roundSize)
      if (looked > 0) return bucket.take(looked) * (0.5 + random())
      doubt = null
      return undefined
    },
    { name: 'redis refill', log },
  )
  const watch = every(
    1000,
    async () => {
      const wasInDoubt = doubt !== null
      doubt = await watchRedis(deps, holder)
      if (doubt && !wasInDoubt) refill.nudge()
    },
    { name: 'redis watch', log },
  )
  return {
    name: 'redis watcher',
    async start() {
      await refill.start()
      await watch.start()
    },
    async stop() {
      await watch.stop()
      await refill.stop()
    },
  }
}
