import type { Pilot } from '../simulate.ts'
import { idleFor } from './idle-nodes.ts'

/** One worker more each time that a request has waited over 4 s; a worker that was idle for 5 s stops (Runpod, "Endpoint settings": scaling type queue delay). */
export function makeQueueDelay(): Pilot {
  return {
    everySeconds: 4,
    dispatch: 'pack',
    steer(view) {
      const isLate = view.headWaitSeconds > 4 && view.nodes.length < view.max
      return { start: isLate ? 1 : 0, remove: isLate ? [] : idleFor(view, 5), how: 'drain' }
    },
  }
}
