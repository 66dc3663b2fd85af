import { performance } from 'node:perf_hooks'
import { every } from '../../core/every.ts'
import type { Component } from '../../core/lifecycle.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { reapNodes } from '../../queue/use-cases/reap-nodes.ts'

/** Looks for dead nodes ten times in a lease, at most each second: what it adds to the lease until their jobs go on elsewhere. */
export function makeReaper(deps: QueueDeps): Component {
  let lastAtMs = performance.now()
  return every(
    Math.min(1000, deps.settings.leaseMs / 10),
    async () => {
      await reapNodes(deps, performance.now() - lastAtMs)
      lastAtMs = performance.now()
    },
    { name: 'reaper', log: deps.log },
  )
}
