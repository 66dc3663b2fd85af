export interface RetryPolicy {
  /** Failed attempts after which the job fails for good, at least 1. */
  maxAttempts: number
  backoffMs: number
  strategy: 'fixed' | 'exponential'
  /** After an attempt that ran out of memory the next one goes to the next larger tier, with more memory; false by default. */
  escalateTier?: boolean
}

/** The longest wait before a retry. */
export const maxBackoffMs = 600_000

/**
 * Waits before the next attempt, in ms, after `failures` failed ones (from 1). Exponential takes full jitter over
 * `backoffMs * 2^(failures - 1)`, capped (Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015).
 */
export function retryDelayMs(
  policy: RetryPolicy,
  failures: number,
  random: () => number = Math.random,
): number {
  if (policy.strategy === 'fixed') return Math.min(maxBackoffMs, policy.backoffMs)
  const ceiling = Math.min(maxBackoffMs, policy.backoffMs * 2 ** Math.min(failures - 1, 40))
  return Math.round(random() * ceiling)
}
