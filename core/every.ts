import { performance } from 'node:perf_hooks'
import type { Component } from './lifecycle.ts'
import type { Logger } from './logger.ts'

export interface Loop extends Component {
  /** Runs the tick as soon as the present one is over. Cheap: many nudges make one tick. */
  nudge(): void
}

/**
 * The one way to do something again and again. A tick never overlaps itself; one that throws is logged and the loop goes on.
 * A tick may answer with the ms after which it wants to run again, when that is sooner than `everyMs`; 0 for at once.
 */
export function every(
  everyMs: number,
  tick: (signal: AbortSignal) => Promise<number | void>,
  options: { name: string; log: Logger },
): Loop {
  const { name, log } = options
  const stopping = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let nudged = false
  let failures = 0

  function schedule(ms: number): void {
    if (stopping.signal.aborted) return
    clearTimeout(timer)
    timer = setTimeout(run, ms)
  }

  function run(): void {
    if (running || stopping.signal.aborted) return
    nudged = false
    running = once().then((ms) => {
      running = undefined
      schedule(nudged ? 0 : ms)
    })
  }

  async function once(): Promise<number> {
    const startedMs = performance.now()
    try {
      const wantedMs = await tick(stopping.signal)
      if (failures > 0) log.info('background duty works again', { duty: name, failures })
      failures = 0
      return Math.max(0, Math.min(everyMs, wantedMs ?? everyMs))
    } catch (error) {
      // A store that is away for an hour is one line at its start and one at its end, not 3,600.
      if (failures++ === 0)
        log.warn('background duty failed, it will be tried again', {
          duty: name,
          error,
          tickMs: performance.now() - startedMs,
        })
      return Math.min(everyMs, 1000)
    }
  }

  return {
    name,
    start() {
      schedule(0)
      return Promise.resolve()
    },
    async stop() {
      stopping.abort()
      clearTimeout(timer)
      await running
    },
    nudge() {
      nudged = true
      if (!running) schedule(0)
    },
  }
}
