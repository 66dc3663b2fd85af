import { makeBatch } from '../../core/batch.ts'
import { alone, jobsPerSlot } from '../domain/dispatch-window.ts'
import { asksForResources } from '../domain/job.ts'
import type { FastLane, NewJob } from '../store/jobs/accept.ts'
import { deliver } from './dispatch-jobs.ts'
import { type DeliverySizesView, makeDeliverySizesView } from './delivery-sizes.ts'
import { makeFleetView, slotsOf } from './fleet.ts'
import type { QueueDeps } from './queue-deps.ts'

/**
 * The short way from a submission to a worker: a due job of a tier that has free slots and no backlog is queued in the statement that accepts it, and
 * delivered by the gateway, without a dispatcher in between.
 */
export interface FastPath {
  /** Which of these jobs may be queued with their acceptance now, and which of them share a delivery; none while Redis is away. */
  open(jobs: readonly NewJob[]): Promise<FastLane>
  /** Sends what was queued so, in the background. What can't be sent goes to the backlog (T12). */
  deliver(jobs: readonly NewJob[], lane: FastLane): void
}

type FastPathDeps = Pick<
  QueueDeps,
  'jobs' | 'nodes' | 'deliveries' | 'signals' | 'metrics' | 'tiers' | 'taskProfiles' | 'log'
>

interface Sent {
  job: NewJob
  deliveryId: string
}

export function makeFastPath(deps: FastPathDeps): FastPath {
  const fleet = makeFleetView(deps)
  const sizes = makeDeliverySizesView(deps)
  // Eager, so that the delivery is on its way before the answer to the client is written.
  const sending = makeBatch<readonly Sent[], unknown>({
    async write(rounds) {
      for (const [tier, own] of Map.groupBy(rounds.flat(), ({ job }) => job.spec.tier)) await send(tier, own)
      return rounds
    },
    maxWaiting: Infinity,
    isEager: true,
  })

  async function send(tier: string, jobs: readonly Sent[]): Promise<void> {
    try {
      await deliver(
        deps,
        tier,
        jobs.map(({ job: { id, tenant, spec }, deliveryId }) => ({
          ...{ id, seq: 1, deliveryId, task: spec.task, tenant, priority: spec.priority, isSuspect: false },
          resources: asksForResources(spec.resources) ? spec.resources : null,
        })),
      )
    } catch (error) {
      deps.log.debug('deliveries of new jobs could not be sent', { tier, jobs: jobs.length, error })
      // Should this fail too, the reconciler finds them.
      await deps.jobs.release(jobs.map(({ job }) => ({ id: job.id, seq: 1 }))).catch(() => undefined)
    }
  }

  return {
    async open(jobs) {
      if (!deps.deliveries.isConnected()) return { openTiers: new Map(), deliveryIds: new Map() }
      const { nodes } = await fleet().catch(() => ({ nodes: [] }))
      const rooms = deps.tiers.map(({ name }) => [name, slotsOf(nodes, name) * jobsPerSlot] as const)
      const openTiers = new Map(rooms.filter(([, most]) => most > 0))
      const isShared = openTiers.size > 0 && jobs.length > 1
      return { openTiers, deliveryIds: isShared ? packBrief(jobs, sizes) : new Map() }
    },
    deliver(jobs, { deliveryIds }) {
      if (jobs.length > 0)
        void sending.add(jobs.map((job) => ({ job, deliveryId: deliveryIds.get(job.id) ?? job.id })))
    },
  }
}

/** The brief ones of one tier, task, tenant and priority travel together, under the id of the first. One that asks for resources may have to wait for them, so it travels alone. */
function packBrief(jobs: readonly NewJob[], sizes: DeliverySizesView): Map<string, string> {
  const deliveryIds = new Map<string, string>()
  const open = new Map<string, { deliveryId: string; room: number }>()
  for (const { id, tenant, spec } of jobs) {
    if (asksForResources(spec.resources)) continue
    const key = JSON.stringify([spec.tier, spec.task, tenant, spec.priority])
    let delivery = open.get(key)
    if (!delivery || delivery.room === 0) {
      const { brief } = sizes.latest(spec.tier).get(spec.task) ?? alone
      delivery = { deliveryId: id, room: brief }
      open.set(key, delivery)
    }
    delivery.room--
    if (delivery.deliveryId !== id) deliveryIds.set(id, delivery.deliveryId)
  }
  return deliveryIds
}
