/** The jobs that a process may run at once, over all of its tiers. */
export interface Slots {
  /** Resolves with the function that gives the slot back, in the order of asking; null when none came free in time, or the signal was aborted. */
  take(options: { waitMs: number; signal: AbortSignal }): Promise<(() => void) | null>
  /** All slots that are free now, each as the function that gives it back. */
  takeFree(): (() => void)[]
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
  }
}
