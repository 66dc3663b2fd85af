import { every } from '../../core/every.ts'
import type { Component } from '../../core/lifecycle.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { rescueLogs } from '../../queue/use-cases/rescue-logs.ts'

/** Keeps what workers that died left of their logs in Redis. */
export function makeLogRescuer(deps: QueueDeps): Component {
  return every(30_000, () => rescueLogs(deps), { name: 'log rescuer', log: deps.log })
}
