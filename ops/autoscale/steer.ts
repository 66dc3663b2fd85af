import type { DrivenNode } from './drivers/node-driver.ts'

/** A live node, as the registry has it. */
export interface SteeredNode {
  id: string
  /** All that it serves; one that serves several is not ours to take away. */
  tiers: readonly string[]
  state: 'ready' | 'draining'
  /** It takes no more jobs and has none. */
  isDrained: boolean
  /** It drains because the steering wanted it to. */
  isRecallable: boolean
  /** How long until its jobs are over, as far as that can be told; 0 for an idle one. */
  busyMs: number
}

/** A node of the driver, with what the steering remembers of it. */
export interface WatchedNode extends DrivenNode {
  /** It has been live at some time. */
  hasBeenUp: boolean
  /** For how long it has not been live: since it was asked for, or was last seen. */
  missingMs: number
}

export interface SteerInput {
  desired: number
  /** Most nodes of the driver at once, those that drain included: what is drained still has its machine. */
  max: number
  nodes: readonly SteeredNode[]
  driven: readonly WatchedNode[]
  /** A node that is not live for so long after it was asked for never will be. */
  startDeadlineMs: number
  /** The same for one that has been live: longer than an outage of Postgres, in which no lease can be renewed. */
  lostDeadlineMs: number
  /** Nodes that could not be stopped when that was last tried: they go on taking up their machine. */
  unstopped?: ReadonlySet<string>
}

export interface SteerPlan {
  start: number
  /** They drain, and shall take jobs again: a node that works is there sooner than one that starts, and is paid for anyway. */
  recall: WatchedNode[]
  drain: WatchedNode[]
  /** Idle nodes, and those that will not come up. */
  stop: { node: WatchedNode; why: 'drained' | 'not needed' | 'did not come up' | 'lost' }[]
  /** Live nodes that take jobs, whoever started them. */
  ready: number
  /** On their way, or not seen just now. */
  starting: number
  draining: number
}

/**
 * What has to be done so that a tier has the nodes that are desired. It never stops a node that may have a job: a node is drained first, and
 * stopped when it says that it is drained. Nodes that nobody here started count, but stay.
 */
export function steer(input: SteerInput): SteerPlan {
  const { desired, max, startDeadlineMs, lostDeadlineMs } = input
  const live = new Map(input.nodes.map((node) => [node.id, node]))
  const stop: SteerPlan['stop'] = []
  const starting: WatchedNode[] = []
  const removable: { node: WatchedNode; busyMs: number }[] = []
  const recallable: { node: WatchedNode; busyMs: number }[] = []
  let leaving = 0
  for (const node of input.driven) {
    const seen = live.get(node.id)
    if (node.isStopping) leaving++
    else if (seen?.state === 'draining') {
      leaving++
      if (seen.isDrained) stop.push({ node, why: 'drained' })
      else if (seen.isRecallable) recallable.push({ node, busyMs: seen.busyMs })
    } else if (seen) {
      if (seen.tiers.length === 1) removable.push({ node, busyMs: seen.busyMs })
    } else if (node.missingMs < (node.hasBeenUp ? lostDeadlineMs : startDeadlineMs)) starting.push(node)
    else stop.push({ node, why: node.hasBeenUp ? 'lost' : 'did not come up' })
  }
  const ready = input.nodes.filter(({ state }) => state === 'ready').length
  const supply = ready + starting.length
  const excess = Math.max(0, supply - desired)
  // The one that was asked for last has the longest way to go. One that has been up may have jobs.
  const cancelled = starting
    .filter(({ hasBeenUp }) => !hasBeenUp)
    .toSorted((a, b) => a.missingMs - b.missingMs)
    .slice(0, excess)
  const drain = removable
    .toSorted((a, b) => a.busyMs - b.busyMs)
    .slice(0, excess - cancelled.length)
    .map(({ node }) => node)
  // Those with the longest way to go: the others are about to free their machines.
  const recall = recallable
    .toSorted((a, b) => b.busyMs - a.busyMs)
    .slice(0, Math.max(0, desired - supply))
    .map(({ node }) => node)
  const freed = stop.filter(({ node, why }) => why !== 'drained' && !input.unstopped?.has(node.id))
  const held = input.driven.length - freed.length
  return {
    start: Math.max(0, Math.min(desired - supply - recall.length, max - held)),
    ...{ recall, drain },
    stop: [...stop, ...cancelled.map((node) => ({ node, why: 'not needed' as const }))],
    ready: ready + recall.length - drain.length,
    starting: starting.length - cancelled.length,
    draining: leaving + drain.length - recall.length + countStrangersDraining(input),
  }
}

function countStrangersDraining({ nodes, driven }: SteerInput): number {
  const ours = new Set(driven.map(({ id }) => id))
  return nodes.filter(({ id, state }) => state === 'draining' && !ours.has(id)).length
}
