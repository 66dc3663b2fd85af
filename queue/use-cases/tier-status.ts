import { QueueError } from '../domain/errors.ts'
import { canonicalTier, type Tier } from '../domain/tiers.ts'
import type { TierCounts } from '../store/jobs/read.ts'
import type { Fleet } from './fleet.ts'
import type { QueueDeps } from './queue-deps.ts'

export interface TierStatus extends TierCounts {
  size: Tier
  replicas: { ready: number; draining: number }
}

/** Each configured tier with its live jobs and nodes, from the smallest. A node that serves several tiers counts in each. */
export async function listTiers(
  deps: Pick<QueueDeps, 'jobs' | 'tiers'>,
  fleet: Fleet,
): Promise<TierStatus[]> {
  const counts = new Map((await deps.jobs.countTiers()).map((row) => [row.tier, row]))
  return deps.tiers.map((size) => {
    const nodes = fleet.nodes.filter((node) => node.tiers.includes(size.name))
    const none = {
      tier: size.name,
      pending: 0,
      queued: 0,
      running: 0,
      oldestWaitMs: 0,
      arrivalsPerSecond: 0,
      finishesPerSecond: 0,
    }
    return {
      ...(counts.get(size.name) ?? none),
      size,
      replicas: {
        ready: nodes.filter((node) => node.state === 'ready').length,
        draining: nodes.filter((node) => node.state === 'draining').length,
      },
    }
  })
}

/** @throws TIER_NOT_FOUND */
export async function findTier(
  deps: Pick<QueueDeps, 'jobs' | 'tiers'>,
  fleet: Fleet,
  name: string,
): Promise<TierStatus> {
  const tier = (await listTiers(deps, fleet)).find((candidate) => candidate.tier === canonicalTier(name))
  if (!tier)
    throw new QueueError(
      'TIER_NOT_FOUND',
      `There is no tier ${name}; there are ${deps.tiers.map((one) => one.name).join(', ')}.`,
    )
  return tier
}
