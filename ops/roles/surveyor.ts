import { every } from '../../core/every.ts'
import type { Component } from '../../core/lifecycle.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'

/** Sees to it that Postgres plans for as many jobs as there are, also in the first minute of many. */
export function makeSurveyor(deps: QueueDeps): Component {
  return every(
    1000,
    async () => {
      await deps.jobs.refreshStatistics()
    },
    { name: 'surveyor', log: deps.log },
  )
}
