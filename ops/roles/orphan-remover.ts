import { every } from '../../core/every.ts'
import type { Component } from '../../core/lifecycle.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { makeOrphanRound } from '../../queue/use-cases/remove-orphan-deliveries.ts'

/** Between two rounds of one look through the queues: it is never urgent. */
const pauseMs = 200

/** Looks through the queues twice a minute for deliveries that nobody needs any more. */
export function makeOrphanRemover(deps: QueueDeps): Component {
  const look = makeOrphanRound(deps)
  return every(30_000, async () => ((await look()) ? pauseMs : undefined), {
    name: 'orphan remover',
    log: deps.log,
  })
}
