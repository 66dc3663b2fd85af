import { every } from '../../core/every.ts'
import type { Component } from '../../core/lifecycle.ts'
import { makeDispatchRounds } from '../../queue/use-cases/dispatch-jobs.ts'
import { makeFleetView } from '../../queue/use-cases/fleet.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'

/** Looks at once when told that something was submitted to a tier which may have room, when the window wants to be filled, at the next due time, and each second in case nobody could tell. */
export function makeDispatcher(deps: QueueDeps): Component {
  const rounds = makeDispatchRounds(deps, makeFleetView(deps))
  const loop = every(1000, rounds.run, { name: 'dispatcher', log: deps.log })
  return {
    ...loop,
    async start() {
      await deps.signals.onSubmitted((told) => {
        const tiers = told.length > 0 ? told : deps.tiers.map(({ name }) => name)
        if (rounds.hasRoom(tiers)) loop.nudge()
      })
      await loop.start()
    },
  }
}
