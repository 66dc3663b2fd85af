import type { FleetSettings, Pilot } from '../simulate.ts'
import { idleFor } from './idle-nodes.ts'

/**
 * As Ray's autoscaler: each 5 s the requests that wait are packed onto what is free or starting, and nodes are asked for the rest, at most as many at
 * once as there are (`upscaling_speed` 1, at least 5); a node that was idle for 5 minutes goes (Ray, "Configuring Autoscaling": `idle_timeout_minutes` 5).
 */
export function makeDemandPacking(_: unknown, { slotsPerNode }: FleetSettings): Pilot {
  return {
    everySeconds: 5,
    dispatch: 'pack',
    steer(view) {
      const free = view.ready * slotsPerNode - view.usedSlots + view.starting * slotsPerNode
      const needed = Math.ceil(Math.max(0, view.waitingSlots - free) / slotsPerNode)
      const atOnce = Math.max(5, view.ready) - view.starting
      const start = Math.max(0, Math.min(needed, atOnce, view.max - view.nodes.length))
      return { start, remove: start > 0 ? [] : idleFor(view, 300), how: 'drain' }
    },
  }
}
