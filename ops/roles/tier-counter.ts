import { every } from '../../core/every.ts'
import type { Component } from '../../core/lifecycle.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'

/** Keeps the metrics of the tiers: what waits, what runs, and for how long the oldest has waited. */
export function makeTierCounter(deps: QueueDeps): Component {
  const { tierJobs, tierOldestWait } = deps.metrics
  return every(
    5000,
    async () => {
      const counts = new Map((await deps.jobs.countLive()).map((row) => [row.tier, row]))
      for (const { name: tier } of deps.tiers) {
        const row = counts.get(tier)
        for (const state of ['pending', 'queued', 'running'] as const)
          tierJobs.set({ tier, state }, row?.[state] ?? 0)
        tierOldestWait.set({ tier }, (row?.oldestWaitMs ?? 0) / 1000)
      }
    },
    { name: 'tier counter', log: deps.log },
  )
}
