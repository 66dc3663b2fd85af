import { QueueError } from '../domain/errors.ts'
import { canonicalTier, type Tier } from '../domain/tiers.ts'
import type { TierCounts } from '../store/jobs/count-tiers.ts'
import type { Fleet } from './fleet.ts'
import type { QueueDeps } from './queue-deps.ts'
import { freshDecisionMs } from './scaling-target.ts'

export interface TierStatus extends TierCounts {
  size: Tier
  /** None of its nodes are wanted now. */
  isScaledToZero: boolean
  replicas: { ready: number; starting: number; draining: number; desired: number }
}

/** Each configured tier with its live jobs and nodes, from the smallest. A node that serves several tiers counts in each. */
export async function listTiers(
  deps: Pick<QueueDeps, 'jobs' | 'tiers' | 'scaling'>,
  fleet: Fleet,
): Promise<TierStatus[]> {
  const [rows, states] = await Promise.all([deps.jobs.countTiers(), deps.scaling.listStates(freshDecisionMs)])
  const counts = new Map(rows.map((row) => [row.tier, row]))
  const decided = new Map(states.map((state) => [state.tier, state]))
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
    const ready = nodes.filter((node) => node.state === 'ready').length
    const state = decided.get(size.name)
    return {
      ...(counts.get(size.name) ?? none),
      size,
      isScaledToZero: state?.desired === 0,
      replicas: {
        ready,
        starting: state?.starting ?? 0,
        draining: nodes.filter((node) => node.state === 'draining').length,
        desired: state?.desired ?? ready,
      },
    }
  })
}

/** @throws TIER_NOT_FOUND */
export async function findTier(
  deps: Pick<QueueDeps, 'jobs' | 'tiers' | 'scaling'>,
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
