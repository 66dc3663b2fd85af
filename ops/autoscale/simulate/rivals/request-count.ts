import type { FleetSettings, Pilot } from '../simulate.ts'
import { idleFor } from './idle-nodes.ts'

/**
 * As many workers as waiting and running requests, divided by what one is to have (here a node's slots); a worker that was idle for 5 s stops (Runpod,
 * "Endpoint settings": scaling type request count, idle timeout 5 s).
 */
export function makeRequestCount(_: unknown, { slotsPerNode }: FleetSettings): Pilot {
  return {
    everySeconds: 5,
    dispatch: 'pack',
    steer(view) {
      const wanted = Math.ceil((view.waiting + view.running) / slotsPerNode)
      const desired = Math.min(view.max, Math.max(view.min, wanted))
      return {
        start: Math.max(0, desired - view.nodes.length),
        remove: idleFor(view, 5, desired),
        how: 'drain',
      }
    },
  }
}
