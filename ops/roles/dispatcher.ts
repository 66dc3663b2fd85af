import { every } from '../../core/every.ts'
import type { Component } from '../../core/lifecycle.ts'
import { makeDispatchRound } from '../../queue/use-cases/dispatch-jobs.ts'
import { makeFleetView } from '../../queue/use-cases/fleet.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'

/** Looks at once when told that something was submitted, when the window wants to be filled, at the next due time, and each second in case nobody could tell. */
export function makeDispatcher(deps: QueueDeps): Component {
  const round = makeDispatchRound(deps, makeFleetView(deps))
  const loop = every(1000, round, { name: 'dispatcher', log: deps.log })
  return {
    ...loop,
    async start() {
      await deps.signals.onSubmitted(() => loop.nudge())
      await loop.start()
    },
  }
}
