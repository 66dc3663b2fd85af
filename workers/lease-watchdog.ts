import { performance } from 'node:perf_hooks'
import { Worker } from 'node:worker_threads'
import type { Component } from '../core/lifecycle.ts'
import type { LeaseGuard } from './lease-guard.ts'

/** What the thread gets. It shares memory with the main thread and needs nothing else of it. */
export interface WatchdogData {
  /** [0]: process.hrtime in ns until which the main thread may be believed to hold its lease; 0 for no guard. */
  deadline: BigInt64Array
  /** Ids of live process groups, 0 for none. */
  groups: Int32Array
  /** How often it looks. */
  lookMs: number
  /** How long the main thread may take to notice that all of the process was stopped for a while. */
  graceMs: number
}

export type LeaseWatchdog = Component & LeaseGuard

/** A thread of its own that kills the children and this process by SIGKILL, should the event loop hang beyond the lease: others may run its jobs by then. Of a process that was stopped as a whole only the children die. */
export function makeLeaseWatchdog(options: { groups: Int32Array; leaseMs: number }): LeaseWatchdog {
  const deadline = new BigInt64Array(new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT))
  let thread: Worker | undefined

  return {
    name: 'lease watchdog',
    async start() {
      const data: WatchdogData = {
        deadline,
        groups: options.groups,
        lookMs: Math.min(250, options.leaseMs / 40),
        graceMs: options.leaseMs,
      }
      thread = new Worker(new URL('./lease-watchdog-thread.js', import.meta.url), {
        workerData: data,
        execArgv: [],
        env: {},
        resourceLimits: {
          maxOldGenerationSizeMb: 16,
          maxYoungGenerationSizeMb: 2,
          codeRangeSizeMb: 8,
          stackSizeMb: 1,
        },
      })
      await new Promise<void>((resolve, reject) =>
        thread?.once('message', () => resolve()).once('error', reject),
      )
      thread.unref()
    },
    async stop() {
      await thread?.terminate()
      thread = undefined
    },
    guardUntil(untilMs) {
      const untilNs =
        untilMs === null
          ? 0n
          : process.hrtime.bigint() + BigInt(Math.round((untilMs - performance.now()) * 1e6))
      Atomics.store(deadline, 0, untilNs)
    },
  }
}
