import { z } from 'zod'
import { findTier, listTiers, type TierStatus } from '../../../queue/use-cases/tier-status.ts'
import { pageOf } from '../../contract/page-shapes.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { route } from '../route.ts'

const tierView = z
  .object({
    tier: z.string(),
    size: z.object({ cpu: z.number(), memoryMb: z.number(), gpu: z.number() }),
    pending: z.number(),
    queued: z.number(),
    running: z.number(),
    oldestWaitMs: z.number(),
    replicas: z.object({
      ready: z.number(),
      starting: z.number(),
      draining: z.number(),
      desired: z
        .number()
        .describe('Nodes that should be there; until autoscaling arrives, those that are ready.'),
    }),
    arrivalsPerSecond: z.number().describe('Over the last minute.'),
    finishesPerSecond: z.number().describe('Over the last minute.'),
    paused: z.boolean(),
  })
  .meta({ id: 'Tier' })

function toTierView(status: TierStatus): z.output<typeof tierView> {
  const { cpu, memoryMb, gpu } = status.size
  return {
    tier: status.tier,
    size: { cpu, memoryMb, gpu },
    pending: status.pending,
    queued: status.queued,
    running: status.running,
    oldestWaitMs: Math.round(status.oldestWaitMs),
    replicas: { ...status.replicas, starting: 0, desired: status.replicas.ready },
    arrivalsPerSecond: status.arrivalsPerSecond,
    finishesPerSecond: status.finishesPerSecond,
    paused: false,
  }
}

export const tierRoutes = (deps: GatewayDeps) => [
  route({
    method: 'get',
    path: '/v1/tiers',
    access: 'read',
    tag: 'Tiers and nodes',
    summary: 'List the tiers with their jobs and nodes',
    responses: { 200: { description: 'All tiers, from the smallest', schema: pageOf(tierView) } },
    async handle() {
      return {
        status: 200,
        body: { items: (await listTiers(deps.queue, await deps.fleet())).map(toTierView), nextCursor: null },
      }
    },
  }),
  route({
    method: 'get',
    path: '/v1/tiers/:tier',
    access: 'read',
    tag: 'Tiers and nodes',
    summary: 'Read a tier',
    params: z.object({ tier: z.string() }),
    responses: { 200: { description: 'The tier', schema: tierView }, 404: { description: 'No such tier' } },
    async handle(call) {
      return {
        status: 200,
        body: toTierView(await findTier(deps.queue, await deps.fleet(), call.params.tier)),
      }
    },
  }),
]
