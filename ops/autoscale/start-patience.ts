/** Keeps a tier whose nodes do not come up from being asked for node after node: after each failure in a row it waits twice as long. */
export interface StartPatience {
  /** True while no further node should be asked for. */
  isWaiting(nowMs: number): boolean
  /** A node did not come up, or could not be asked for. Answers with how often that was in a row. */
  noteFailure(nowMs: number): number
  noteSuccess(): void
}

const longestWaitMs = 300_000

/** `firstWaitMs`: after the first failure. */
export function makeStartPatience(firstWaitMs: number): StartPatience {
  let failing: { failures: number; untilMs: number } | undefined
  return {
    isWaiting: (nowMs) => nowMs < (failing?.untilMs ?? -Infinity),
    noteFailure(nowMs) {
      const before = failing
      // Several that fail at once are one failure.
      if (before && nowMs < before.untilMs) return before.failures
      const failures = (before?.failures ?? 0) + 1
      failing = {
        failures,
        untilMs: nowMs + Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(failures - 1, 10)),
      }
      return failures
    },
    noteSuccess: () => (failing = undefined),
  }
}
