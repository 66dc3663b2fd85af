import { performance } from 'node:perf_hooks'
import { every } from '../../core/every.ts'
import type { Component } from '../../core/lifecycle.ts'
import type { Consumer, Deliveries } from '../store/deliveries.ts'
import type { QueueDeps } from '../use-cases/queue-deps.ts'

export interface ConsumerWatchdog extends Component {
  /** As that of the deliveries, but the consumer is opened anew, behind the same handle, when it is found deaf. */
  consume: Deliveries['consume']
}

interface Watched {
  tier: string
  concurrency: number
  handle: Handle
  consumer: Consumer
  /** Closing, each until what it has in hand is handled. */
  retired: Set<Promise<void>>
  inHand: number
  hasTaken: boolean
  /** Since when deliveries wait that it could take and does not. */
  waitingSinceMs: number | undefined
  /** Since it last took a delivery. */
  rebuilds: number
}

type Handle = Parameters<Deliveries['consume']>[2]

/** Longer than BullMQ's own wait for a delivery (drainDelay, 5 s), after which it looks by itself. */
const deafAfterMs = 10_000
/** Rebuilding that does not help is done ever more rarely. */
const maxDeafAfterMs = 300_000

/**
 * Heals consumers that are connected but take nothing: a connection that is dead without having been closed, or a consumer that has stopped by a bug.
 * It asks Redis, while a consumer rests and has room, whether deliveries wait; one that lets them wait is closed, and a new one opened.
 */
export function makeConsumerWatchdog(
  deps: Pick<QueueDeps, 'deliveries' | 'metrics' | 'log'>,
  options: { hasFreeSlot: () => boolean; everyMs?: number; deafMs?: number },
): ConsumerWatchdog {
  const { deliveries, metrics, log } = deps
  const { hasFreeSlot, everyMs = 2000, deafMs = deafAfterMs } = options
  const all = new Set<Watched>()

  const loop = every(everyMs, () => lookAtAll(), { name: 'consumer watchdog', log })

  async function lookAtAll(): Promise<void> {
    for (const watched of all) {
      const isWaiting = !isExcused(watched) && (await deliveries.countWaiting(watched.tier)) > 0
      // What it took while Redis was asked excuses it too.
      if (!isWaiting || isExcused(watched)) watched.waitingSinceMs = undefined
      else watched.waitingSinceMs ??= performance.now()
      if (watched.hasTaken) watched.rebuilds = 0
      watched.hasTaken = false
      if (watched.waitingSinceMs === undefined || !all.has(watched)) continue
      const waitedMs = performance.now() - watched.waitingSinceMs
      if (waitedMs >= Math.min(deafMs * 2 ** watched.rebuilds, maxDeafAfterMs)) rebuild(watched, waitedMs)
    }
  }

  /** What waits for a node that is busy, or can't reach Redis anyway, tells nothing. */
  const isExcused = (watched: Watched): boolean =>
    !hasFreeSlot() || watched.hasTaken || watched.inHand >= watched.concurrency || !deliveries.isConnected()

  function rebuild(watched: Watched, waitedMs: number): void {
    const { tier } = watched
    log.warn('a consumer took nothing though deliveries wait, it is opened anew', { tier, waitedMs })
    metrics.consumerRebuilds.inc({ tier })
    watched.rebuilds++
    watched.waitingSinceMs = undefined
    const retired = watched.consumer
      .close()
      .catch((error: unknown) => log.warn('a deaf consumer did not close', { tier, error }))
      .finally(() => watched.retired.delete(retired))
    watched.retired.add(retired)
    watched.consumer = open(watched)
  }

  function open(watched: Omit<Watched, 'consumer'>): Consumer {
    return deliveries.consume(watched.tier, watched.concurrency, async (delivery) => {
      watched.hasTaken = true
      watched.inHand++
      try {
        return await watched.handle(delivery)
      } finally {
        watched.inHand--
      }
    })
  }

  return {
    ...loop,
    consume(tier, concurrency, handle) {
      const resting = { inHand: 0, hasTaken: false, waitingSinceMs: undefined, rebuilds: 0 }
      const state = { tier, concurrency, handle, retired: new Set<Promise<void>>(), ...resting }
      const watched: Watched = Object.assign(state, { consumer: open(state) })
      all.add(watched)
      return {
        setConcurrency(most) {
          watched.concurrency = most
          watched.consumer.setConcurrency(most)
        },
        async close() {
          all.delete(watched)
          await Promise.all([watched.consumer.close(), ...watched.retired])
        },
        isRunning: () => watched.consumer.isRunning(),
      }
    },
  }
}
