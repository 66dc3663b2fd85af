/** Keeps a tier whose nodes do not come up from being asked for node after node: after each failure in a row it waits twice as long. */
export interface StartPatience {
  /** True while no further node should be asked for. */
  isWaiting(tier: string, nowMs: number): boolean
  /** A node did not come up, or could not be asked for. Answers with how often that was in a row. */
  noteFailure(tier: string, nowMs: number): number
  noteSuccess(tier: string): void
}

const longestWaitMs = 300_000

/** `firstWaitMs`: after the first failure. */
export function makeStartPatience(firstWaitMs: number): StartPatience {
  const failing = new Map<string, { failures: number; untilMs: number }>()
  return {
    isWaiting: (tier, nowMs) => nowMs < (failing.get(tier)?.untilMs ?? -Infinity),
    noteFailure(tier, nowMs) {
      const before = failing.get(tier)
      // Several that fail at once are one failure.
      if (before && nowMs < before.untilMs) return before.failures
      const failures = (before?.failures ?? 0) + 1
      failing.set(tier, {
        failures,
        untilMs: nowMs + Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(failures - 1, 10)),
      })
      return failures
    },
    noteSuccess: (tier) => void failing.delete(tier),
  }
}
