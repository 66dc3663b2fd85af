import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Resolves with the first truthy answer of the condition, which is asked again and again; an error that it throws counts as not yet.
 * @throws after `timeoutMs` (default 10 s), with the condition's own last error as cause
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { timeoutMs = 10_000, everyMs = 20, what = condition.toString() } = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs
  let lastError: unknown
  do {
    try {
      const answer = await condition()
      if (answer) return answer
      lastError = undefined
    } catch (error) {
      lastError = error
    }
    await sleep(everyMs)
  } while (performance.now() < deadline)
  const reason = lastError instanceof Error ? `: ${lastError.message}` : ''
  throw new Error(`Waited ${String(timeoutMs)} ms in vain for ${what}${reason}`, { cause: lastError })
}
