import { every } from '../../core/every.ts'
import type { Component } from '../../core/lifecycle.ts'
import { pruneJobs } from '../../queue/use-cases/prune-jobs.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'

/** Removes what is past its keeping time. */
export function makePruner(deps: QueueDeps): Component {
  return every(60_000, () => pruneJobs(deps), { name: 'pruner', log: deps.log })
}
