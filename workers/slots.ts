import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'

/** The jobs that a process may run at once, over all of its tiers. */
export interface Slots {
  /** Resolves with the function that gives the slot back, in the order of asking; null when none came free in time, or the signal was aborted. */
  take(options: { waitMs: number; signal: AbortSignal }): Promise<(() => void) | null>
  /** All slots that are free now, each as the function that gives it back. */
  takeFree(): (() => void)[]
  /** All slots, in the order of asking: nobody gets one until they are given back. Null when not all came free in time; then they go to others. */
  takeAll(options: { waitMs: number; signal: AbortSignal }): Promise<(() => void) | null>
}

export function makeSlots(count: number): Slots {
  let free = count
  const waiting: ((release: () => void) => void)[] = []

  function makeRelease(): () => void {
    let isReleased = false
    return () => {
      if (isReleased) return
      isReleased = true
      const next = waiting.shift()
      if (next) next(makeRelease())
      else free++
    }
  }

  /** Two that each had some would keep all others waiting in vain. */
  let turn: Promise<unknown> = Promise.resolve()

  const slots: Slots = {
    takeFree() {
      const taken = Array.from({ length: free }, makeRelease)
      free = 0
      return taken
    },
    take({ waitMs, signal }) {
      if (signal.aborted) return Promise.resolve(null)
      if (free > 0) {
        free--
        return Promise.resolve(makeRelease())
      }
      return new Promise((resolve) => {
        const settle = (release: (() => void) | null): void => {
          clearTimeout(timer)
          signal.removeEventListener('abort', giveUp)
          resolve(release)
        }
        const giveUp = (): void => {
          waiting.splice(waiting.indexOf(settle), 1)
          settle(null)
        }
        const timer = setTimeout(giveUp, waitMs)
        signal.addEventListener('abort', giveUp)
        waiting.push(settle)
      })
    },
    takeAll({ waitMs, signal }) {
      const endMs = performance.now() + waitMs
      const isMyTurn = untilTurn(turn, { waitMs, signal })
      const mine = isMyTurn.then(async (isMine) => {
        if (!isMine) return null
        const rest = { waitMs: Math.max(0, endMs - performance.now()), signal }
        const taken = await Promise.all(Array.from({ length: count }, () => slots.take(rest)))
        const releaseAll = (): void => {
          for (const release of taken) release?.()
        }
        if (taken.every((release) => release !== null)) return releaseAll
        releaseAll()
        return null
      })
      turn = Promise.all([turn, mine])
      return mine
    },
  }
  return slots
}

/** False when it did not come in time, or the signal was aborted. */
async function untilTurn(
  turn: Promise<unknown>,
  { waitMs, signal }: { waitMs: number; signal: AbortSignal },
): Promise<boolean> {
  const come = new AbortController()
  const late = delay(waitMs, false, { signal: AbortSignal.any([signal, come.signal]) }).catch(() => false)
  const isMine = await Promise.race([turn.then(() => true), late])
  come.abort()
  return isMine && !signal.aborted
}
