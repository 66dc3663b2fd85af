import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import type { Boot } from '../../../queue/intake/boot.ts'
import type { Standing } from '../../../queue/intake/standing.ts'

/** A node's right to hold jobs, as its gateway knows it from the renewals that go through here. */
export interface NodeStanding extends Standing {
  /** A renewal that was sent to Postgres then has succeeded. */
  trust(sentAtMs: number): void
  /** It has none any more, by word of Postgres or because the node is gone from here. */
  lose(): void
}

/** How long before its end a lease counts no more: the node kills what it runs by then. */
const marginOf = (leaseMs: number): number => Math.min(1000, leaseMs / 5)

export function makeNodeStanding(
  boot: Boot,
  { leaseMs, lookNow }: { leaseMs: number; lookNow: () => void },
): NodeStanding {
  let liveUntilMs = 0
  const waiters: (() => void)[] = []
  const isLive = (): boolean => performance.now() < liveUntilMs

  return {
    lookNow,
    isLive: (candidate) => candidate === boot && isLive(),
    async liveBoot({ waitMs, signal }) {
      if (!isLive()) {
        const waited = new AbortController()
        await Promise.race([
          new Promise<void>((resolve) => waiters.push(resolve)),
          delay(waitMs, undefined, { signal: AbortSignal.any([signal, waited.signal]) }).catch(
            () => undefined,
          ),
        ])
        waited.abort()
      }
      return !signal.aborted && isLive() ? boot : null
    },
    trust(sentAtMs) {
      liveUntilMs = Math.max(liveUntilMs, sentAtMs + leaseMs - marginOf(leaseMs))
      for (const wake of waiters.splice(0)) wake()
    },
    lose() {
      liveUntilMs = 0
    },
  }
}
