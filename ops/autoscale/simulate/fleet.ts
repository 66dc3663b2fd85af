/** A simulated node. */
export interface SimulatedNode {
  id: number
  state: 'starting' | 'ready' | 'draining' | 'stopped'
  askedAt: number
  /** When it was ready, or will be. */
  readyAt: number
  usedSlots: number
  /** Jobs that run here. */
  jobs: number[]
  /** Since when nothing runs here; while something does, when the last one ended. */
  idleSince: number
  /** When it last took a job. */
  tookAt: number
}

/** What a policy may see: what an operator's metrics show, and nothing of the future. */
export interface FleetView {
  now: number
  slotsPerNode: number
  min: number
  max: number
  /** Cold start that was measured so far, in s (p90), and the configured one while nothing was. */
  coldStartSeconds: number
  /** Neither stopped nor leaving, in the order in which they were asked for. */
  nodes: readonly SimulatedNode[]
  ready: number
  starting: number
  draining: number
  waiting: number
  /** Slots that the waiting jobs ask for. */
  waitingSlots: number
  running: number
  /** Slots that jobs hold on nodes that do not leave, and on all of them. */
  usedSlots: number
  allUsedSlots: number
  /** How long the job at the head has waited, in s; 0 when none waits. */
  headWaitSeconds: number
}

/** Which nodes to start and to remove. */
export interface FleetChange {
  start: number
  remove: readonly SimulatedNode[]
  /** `drain`: it takes no more jobs and goes when the last has ended. A number: as draining, but what still runs after as many seconds is killed. */
  how: 'drain' | number
}

/** Ways to choose who leaves when `count` are to go. */
export type Leaving = (nodes: readonly SimulatedNode[], count: number) => SimulatedNode[]

/** As Noodle does it: those that have not come up yet, newest first; then idle ones; then those with the least to do. */
export const leaveIdleFirst: Leaving = (nodes, count) =>
  nodes
    .toSorted(
      (a, b) =>
        Number(b.state === 'starting') - Number(a.state === 'starting') ||
        a.usedSlots - b.usedSlots ||
        b.askedAt - a.askedAt ||
        b.id - a.id,
    )
    .slice(0, count)

/** As a ReplicaSet does it without a deletion cost: not ready before ready, then the newest; whether one is busy it does not know. */
export const leaveNewestFirst: Leaving = (nodes, count) =>
  nodes
    .toSorted(
      (a, b) =>
        Number(b.state === 'starting') - Number(a.state === 'starting') ||
        b.readyAt - a.readyAt ||
        b.id - a.id,
    )
    .slice(0, count)

/** From a number that is wanted to who comes and goes. */
export function toDesired(
  view: FleetView,
  desired: number,
  leaving: Leaving,
  how: FleetChange['how'],
): FleetChange {
  const wanted = Math.min(view.max, Math.max(view.min, desired))
  const have = view.nodes.length
  return {
    start: Math.max(0, wanted - have),
    remove: wanted < have ? leaving(view.nodes, have - wanted) : [],
    how,
  }
}
