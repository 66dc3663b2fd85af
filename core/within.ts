import { setTimeout as delay } from 'node:timers/promises'

/** True when it came to pass in time. */
export async function within(ms: number, event: Promise<unknown>): Promise<boolean> {
  const over = new AbortController()
  const late = delay(ms, false, { signal: over.signal }).catch(() => false)
  const isInTime = await Promise.race([event.then(() => true), late])
  over.abort()
  return isInTime
}
