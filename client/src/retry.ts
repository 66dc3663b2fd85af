import { sleep } from './deadline.ts'
import type { NoodleError } from './noodle-error.ts'

export interface RetryOptions {
  /** How long a call may go on being tried again, in ms. Default 60,000; 0 tries once. */
  forMs?: number | undefined
  /** About how long before the second try, in ms. Default 250. */
  baseMs?: number | undefined
  /** Most before a later one, in ms, unless the gateway asks for more. Default 10,000. */
  capMs?: number | undefined
}

/** How tries follow each other, with all that is needed to tell. */
export interface RetryPolicy {
  forMs: number
  baseMs: number
  capMs: number
  random: () => number
}

export function toRetryPolicy(options: RetryOptions = {}, random: () => number = Math.random): RetryPolicy {
  const { forMs = 60_000, baseMs = 250, capMs = 10_000 } = options
  for (const [name, value] of Object.entries({ forMs, baseMs, capMs }))
    if (!(value >= 0)) throw new RangeError(`retry.${name} must be 0 or more, in ms; it is ${String(value)}.`)
  return { forMs, baseMs, capMs, random }
}

/**
 * How long to wait after the nth failure in a row, in ms: full jitter over `baseMs * 2^(n-1)`, capped (Brooker, AWS Architecture Blog, 2015). What the gateway
 * asks for comes before that, so that those who were sent away together do not come back together.
 */
export function retryDelayMs(failures: number, policy: RetryPolicy, retryAfterMs = 0): number {
  const { baseMs, capMs, random } = policy
  return retryAfterMs + random() * Math.min(capMs, baseMs * 2 ** Math.min(failures - 1, 40))
}

/** Counts the failures of one call. */
export interface Patience {
  /** Waits before the next try, for as long as was asked for at least. @throws the error when it does not pass, or when there is no time left for another try */
  pause(error: NoodleError, askedMs?: number): Promise<void>
  /** It went on meanwhile: the time begins anew. */
  renew(): void
}

export function startPatience(policy: RetryPolicy, signal?: AbortSignal): Patience {
  let failures = 0
  let startedMs = performance.now()
  return {
    async pause(error, askedMs = error.retryAfterMs) {
      const waitMs = retryDelayMs(++failures, policy, askedMs)
      const isLate = performance.now() - startedMs + waitMs > policy.forMs
      if (!error.isPassing || isLate) throw error
      await sleep(waitMs, signal)
    },
    renew() {
      failures = 0
      startedMs = performance.now()
    },
  }
}
