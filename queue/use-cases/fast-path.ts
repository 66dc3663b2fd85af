import { makeBatch } from '../../core/batch.ts'
import { jobsPerSlot } from '../domain/dispatch-window.ts'
import { asksForResources } from '../domain/job.ts'
import type { NewJob } from '../store/jobs/accept.ts'
import { deliver } from './dispatch-jobs.ts'
import { makeFleetView, slotsOf } from './fleet.ts'
import type { QueueDeps } from './queue-deps.ts'

/**
 * The short way from a submission to a worker: a due job of a tier that has free slots and no backlog is queued in the statement that accepts it, and
 * delivered by the gateway, without a dispatcher in between.
 */
export interface FastPath {
  /** How many jobs may be queued of the tiers that are open to it now; none while Redis is away. */
  openTiers(): Promise<Map<string, number>>
  /** Sends what was queued so, in the background. What can't be sent goes to the backlog (T12). */
  deliver(jobs: readonly NewJob[]): void
}

type FastPathDeps = Pick<QueueDeps, 'jobs' | 'nodes' | 'deliveries' | 'signals' | 'metrics' | 'tiers' | 'log'>

export function makeFastPath(deps: FastPathDeps): FastPath {
  const fleet = makeFleetView(deps)
  // Eager, so that the delivery is on its way before the answer to the client is written.
  const sending = makeBatch<readonly NewJob[], unknown>({
    async write(rounds) {
      for (const [tier, own] of Map.groupBy(rounds.flat(), (job) => job.spec.tier)) await send(tier, own)
      return rounds
    },
    maxWaiting: Infinity,
    isEager: true,
  })

  async function send(tier: string, jobs: readonly NewJob[]): Promise<void> {
    try {
      await deliver(
        deps,
        tier,
        jobs.map(({ id, tenant, spec: { task, priority, resources } }) => ({
          ...{ id, seq: 1, deliveryId: id, task, tenant, priority, isSuspect: false },
          resources: asksForResources(resources) ? resources : null,
        })),
      )
    } catch (error) {
      deps.log.debug('deliveries of new jobs could not be sent', { tier, jobs: jobs.length, error })
      // Should this fail too, the reconciler finds them.
      await deps.jobs.release(jobs.map(({ id }) => ({ id, seq: 1 }))).catch(() => undefined)
    }
  }

  return {
    async openTiers() {
      if (!deps.deliveries.isConnected()) return new Map()
      const { nodes } = await fleet().catch(() => ({ nodes: [] }))
      return new Map(
        deps.tiers
          .map(({ name }) => [name, slotsOf(nodes, name) * jobsPerSlot] as const)
          .filter(([, most]) => most > 0),
      )
    },
    deliver(jobs) {
      if (jobs.length > 0) void sending.add(jobs)
    },
  }
}
