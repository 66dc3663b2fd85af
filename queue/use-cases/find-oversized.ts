import { hasRoomFor } from '../domain/node.ts'
import type { QueuedNeed } from '../store/jobs/count-queued-needs.ts'
import type { QueueDeps } from './queue-deps.ts'

/** Queued jobs that ask for more than any ready node of their tier has, by what they ask for: they wait until a larger one is up. Tiers without nodes are left out. */
export async function findOversized(deps: Pick<QueueDeps, 'jobs' | 'nodes'>): Promise<QueuedNeed[]> {
  const [needs, nodes] = await Promise.all([deps.jobs.countQueuedNeeds(), deps.nodes.listLive()])
  const ready = nodes.filter(({ state }) => state === 'ready')
  return needs.filter((need) => {
    const ofTier = ready.filter(({ tiers }) => tiers.includes(need.tier))
    return ofTier.length > 0 && !ofTier.some((node) => hasRoomFor(node, need))
  })
}
