import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { Start } from './start.ts'

const readyDeadlineMs = 60_000
/** A platform that works only in part after this long is shown as it is. */
const degradedAfterMs = 20_000

const readiness = z.object({ status: z.string(), details: z.array(z.string()) })

/** Waits until the gateway says that all is well. @throws Error with what it says, when it is not ready in time */
export async function untilReady({ print, stopSignal }: Start, url: string): Promise<void> {
  const startedAt = performance.now()
  for (;;) {
    const state = await lookWhetherReady(url, stopSignal)
    const waitedMs = performance.now() - startedAt
    if (state?.status === 'ok') return
    if (state?.status === 'degraded' && waitedMs > degradedAfterMs) {
      print(`It works in part only: ${state.details.join(' ')}`)
      return
    }
    if (waitedMs > readyDeadlineMs)
      throw new Error(
        `The gateway is not ready after ${String(readyDeadlineMs / 1000)} s: ${state?.details.join(' ') ?? 'no answer'}`,
      )
    await sleep(100, undefined, { signal: stopSignal })
  }
}

async function lookWhetherReady(
  url: string,
  stopSignal: AbortSignal,
): Promise<z.output<typeof readiness> | undefined> {
  try {
    const response = await fetch(`${url}/ready`, {
      signal: AbortSignal.any([stopSignal, AbortSignal.timeout(5000)]),
    })
    return readiness.parse(await response.json())
  } catch (error) {
    stopSignal.throwIfAborted()
    if (error instanceof z.ZodError) throw error
    return undefined
  }
}
