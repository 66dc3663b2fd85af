import type { FleetView, SimulatedNode } from '../fleet.ts'

/** Nodes on which nothing has run for so long, those that have been idle the longest first, as far as more than `keep` nodes stay. */
export function idleFor(view: FleetView, seconds: number, keep = view.min): SimulatedNode[] {
  return view.nodes
    .filter(
      ({ state, jobs, idleSince }) =>
        state === 'ready' && jobs.length === 0 && view.now - idleSince >= seconds,
    )
    .toSorted((a, b) => a.idleSince - b.idleSince || a.id - b.id)
    .slice(0, Math.max(0, view.nodes.length - Math.max(keep, view.min)))
}
