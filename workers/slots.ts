import { setTimeout as delay } from 'node:timers/promises'

/** The jobs that a process may run at once, over all of its tiers. */
export interface Slots {
  /** Resolves with the function that gives the slot back, in the order of asking; null when none came free in time, or the signal was aborted. */
  take(options: { waitMs: number; signal: AbortSignal }): Promise<(() => void) | null>
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

  return {
    async take({ waitMs, signal }) {
      if (signal.aborted) return null
      if (free > 0) {
        free--
        return makeRelease()
      }
      const settled = new AbortController()
      const granted = new Promise<() => void>((resolve) => waiting.push(resolve))
      const ask = waiting.at(-1)
      const gaveUp = delay(waitMs, null, { signal: AbortSignal.any([signal, settled.signal]) }).catch(
        () => null,
      )
      const release = await Promise.race([granted, gaveUp])
      settled.abort()
      if (release) return release
      const place = ask ? waiting.indexOf(ask) : -1
      if (place >= 0) waiting.splice(place, 1)
      else void granted.then((late) => late()) // granted in the same moment
      return null
    },
  }
}
