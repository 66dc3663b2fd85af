import { z } from 'zod'
import { findTier, listTiers } from '../../../queue/use-cases/tier-status.ts'
import { pageOf } from '../../contract/page-shapes.ts'
import { tierView, toTierView } from '../../contract/tier-view.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { route } from '../route.ts'

export const tierRoutes = (deps: GatewayDeps) => [
  route({
    method: 'get',
    path: '/v1/tiers',
    access: 'read',
    tag: 'Tiers and nodes',
    summary: 'List the tiers with their jobs and nodes',
    responses: {
      200: {
        description:
          'All tiers, from the smallest; of more than 100,000 jobs that could run `pending` is an estimate',
        schema: pageOf(tierView),
      },
    },
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
