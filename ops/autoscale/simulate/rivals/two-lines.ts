import type { FleetSettings, Pilot } from '../simulate.ts'
import { idleFor } from './idle-nodes.ts'

/** What fits into two lines: once the head has waited 5 s, start what is missing for all that wait; drop what was idle for a cold start. */
export function makeTwoLines(_: unknown, { slotsPerNode }: FleetSettings): Pilot {
  return {
    everySeconds: 5,
    dispatch: 'pack',
    steer(view) {
      const missing = Math.ceil(view.waitingSlots / slotsPerNode) - view.starting
      const isDue = view.headWaitSeconds >= 5
      const start = isDue ? Math.max(0, Math.min(missing, view.max - view.nodes.length)) : 0
      return { start, remove: start > 0 ? [] : idleFor(view, view.coldStartSeconds), how: 'drain' }
    },
  }
}
