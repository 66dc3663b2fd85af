import { every } from '../../core/every.ts'
import type { Component } from '../../core/lifecycle.ts'
import { findUnoffered } from '../../queue/use-cases/find-unoffered.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'

const tasksTold = 10

/** Tells when jobs wait for tasks that no node of their tier offers: of each tier and task once, and again when it comes back. A node that starts anew is given a round's time. */
export function makeTaskWatcher(deps: QueueDeps, everyMs = 15_000): Component {
  let seen = new Set<string>()
  let told = new Set<string>()
  return every(
    everyMs,
    async () => {
      const unoffered = await findUnoffered(deps)
      for (const { name: tier } of deps.tiers) {
        const ofTier = unoffered.filter((row) => row.tier === tier)
        deps.metrics.unofferedJobs.set(
          { tier },
          ofTier.reduce((sum, { jobs }) => sum + jobs, 0),
        )
      }
      const keyOf = ({ tier, task }: { tier: string; task: string }): string => `${tier} ${task}`
      const fresh = unoffered.filter((row) => seen.has(keyOf(row)) && !told.has(keyOf(row)))
      if (fresh.length > 0)
        deps.log.warn('jobs wait for tasks that no node of their tier offers', {
          waiting: fresh.slice(0, tasksTold),
          tasks: fresh.length,
        })
      const present = new Set(unoffered.map(keyOf))
      told = new Set([...told, ...fresh.map(keyOf)].filter((key) => present.has(key)))
      seen = present
    },
    { name: 'task watcher', log: deps.log },
  )
}
