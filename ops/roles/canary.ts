import { every } from '../../core/every.ts'
import type { Component } from '../../core/lifecycle.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { sendCanaries } from '../../queue/use-cases/send-canaries.ts'

/** Sends a job of the platform's own through each tier, again and again, and keeps the metric of when one last came through. */
export function makeCanary(deps: QueueDeps): Component {
  return every(
    5000,
    async () => {
      await sendCanaries(deps)
      const ages = new Map((await deps.canaries.readHealth()).map(({ tier, ageMs }) => [tier, ageMs]))
      for (const { name: tier } of deps.tiers) {
        const ageMs = ages.get(tier)
        if (ageMs === undefined) deps.metrics.canaryAge.remove({ tier })
        else deps.metrics.canaryAge.set({ tier }, ageMs / 1000)
      }
    },
    { name: 'canary', log: deps.log },
  )
}
