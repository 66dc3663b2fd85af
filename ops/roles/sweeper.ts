import { every } from '../../core/every.ts'
import type { Component } from '../../core/lifecycle.ts'
import { expireJobs } from '../../queue/use-cases/expire-jobs.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'

/** Expires jobs that did not start in time. */
export function makeSweeper(deps: QueueDeps): Component {
  return every(1000, () => expireJobs(deps), { name: 'sweeper', log: deps.log })
}
