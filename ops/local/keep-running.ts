import { setTimeout as sleep } from 'node:timers/promises'

/** Something that has started and works until it ends. */
export interface Running {
  /** Resolves when it has ended, asked to or not, with a sentence that tells how. */
  ended: Promise<string>
  /** Ends it in order. Twice is harmless. */
  stop(): Promise<void>
}

export interface Kept<T extends Running> {
  /** The one that was started first. */
  first: T
  /** Ends it for good. Twice is harmless. */
  stop(): Promise<void>
}

export interface KeepRunningOptions<T extends Running> {
  name: string
  /** Resolves when it works. The signal tells that it is not wanted any more. */
  start(signal: AbortSignal): Promise<T>
  /** Hears of each end that nobody asked for. */
  say: (message: string) => void
  /** Hears that it can't be brought back. */
  giveUp: (message: string) => void
  /** Not wanted any more before it has started. */
  signal: AbortSignal
}

const firstWaitMs = 500
const longestWaitMs = 15_000
const attempts = 5
/** After this long its earlier ends count no more. */
const steadyMs = 60_000

/** Starts something and starts it again whenever it ends by itself, with growing pauses. @throws what the first start throws */
export async function keepRunning<T extends Running>(options: KeepRunningOptions<T>): Promise<Kept<T>> {
  const { name, say } = options
  const stopping = new AbortController()
  const signal = AbortSignal.any([options.signal, stopping.signal])
  const isUnwanted = (): boolean => signal.aborted
  const first = await options.start(signal)
  let current = first

  const watching = (async () => {
    let failures = 0
    while (!isUnwanted()) {
      const startedAt = performance.now()
      let reason = await current.ended
      if (performance.now() - startedAt > steadyMs) failures = 0
      let isBack = false
      while (!isUnwanted() && !isBack) {
        if (failures === attempts) {
          options.giveUp(`${name} does not stay up: ${reason}`)
          return
        }
        const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** failures++)
        say(`${name} is gone and comes back in ${String(waitMs / 1000)} s: ${reason}`)
        await sleep(waitMs, undefined, { signal }).catch(() => undefined)
        if (isUnwanted()) return
        try {
          current = await options.start(signal)
          isBack = true
          say(`${name} is back.`)
        } catch (error) {
          reason = error instanceof Error ? error.message : String(error)
        }
      }
    }
  })()

  return {
    first,
    async stop() {
      stopping.abort()
      await current.stop()
      await watching
      await current.stop() // one that was on its way when we began
    },
  }
}
