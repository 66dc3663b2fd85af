import { performance } from 'node:perf_hooks'
import type { Node } from '../domain/node.ts'
import type { QueueDeps } from './queue-deps.ts'

/** The live nodes as last seen. */
export interface Fleet {
  nodes: readonly Node[]
}

/** Answers with the live nodes, read at most once per `maxAgeMs` however many ask. */
export function makeFleetView(deps: Pick<QueueDeps, 'nodes'>, maxAgeMs = 1000): () => Promise<Fleet> {
  let latest: { fleet: Promise<Fleet>; readAtMs: number } | undefined
  return () => {
    const nowMs = performance.now()
    if (!latest || nowMs - latest.readAtMs > maxAgeMs) {
      const fleet = deps.nodes.listLive().then((nodes) => ({ nodes }))
      latest = { fleet, readAtMs: nowMs }
      fleet.catch(() => (latest = undefined)) // a failure is not remembered
    }
    return latest.fleet
  }
}

/** Jobs of a tier that its ready nodes may run at once. A node that serves several tiers counts in each. */
export function slotsOf(nodes: readonly Node[], tier: string): number {
  return nodes
    .filter((node) => node.state === 'ready' && node.tiers.includes(tier))
    .reduce((sum, node) => sum + node.concurrency, 0)
}
