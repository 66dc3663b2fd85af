import { performance } from 'node:perf_hooks'

export interface TokenBucket {
  /** Takes tokens, also those that are not there yet, and answers with the ms until they would have been: how long to wait before more are taken. */
  take(tokens: number): number
}

/** Lets through `perSecond` in the long run, and at most `burst` at once. */
export function makeTokenBucket(options: {
  perSecond: number
  burst: number
  nowMs?: () => number
}): TokenBucket {
  const { perSecond, burst, nowMs = () => performance.now() } = options
  let tokens = burst
  let filledAtMs = nowMs()
  return {
    take(wanted) {
      const now = nowMs()
      tokens = Math.min(burst, tokens + ((now - filledAtMs) / 1000) * perSecond) - wanted
      filledAtMs = now
      return Math.max(0, (-tokens / perSecond) * 1000)
    },
  }
}
