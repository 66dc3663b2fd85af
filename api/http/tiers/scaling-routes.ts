import { z } from 'zod'
import { changeScalingPolicy } from '../../../queue/use-cases/change-scaling-policy.ts'
import { knownTier } from '../../../queue/use-cases/scaling-target.ts'
import { numberText, pageOf } from '../../contract/page-shapes.ts'
import {
  adviceView,
  scalingPolicyBody,
  scalingView,
  toAdviceView,
  toScalingView,
} from '../../contract/scaling-shapes.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { audit } from '../audit.ts'
import { route } from '../route.ts'

const params = z.object({ tier: z.string() })

export const scalingRoutes = (deps: GatewayDeps) => [
  route({
    method: 'get',
    path: '/v1/tiers/:tier/scaling',
    access: 'read',
    tag: 'Tiers and nodes',
    summary: 'Read how a tier is scaled: its policy, and what was decided why',
    params,
    query: z.strictObject({
      limit: numberText
        .pipe(z.number().int().min(1, 'must be 1 to 200').max(200, 'must be 1 to 200'))
        .default(20)
        .describe('How many decisions, 1 to 200.'),
    }),
    responses: {
      200: { description: 'Its scaling', schema: scalingView },
      404: { description: 'No such tier' },
    },
    async handle(call) {
      const tier = knownTier(deps.queue, call.params.tier)
      return { status: 200, body: await viewOf(deps, tier, call.query.limit) }
    },
  }),
  route({
    method: 'patch',
    path: '/v1/tiers/:tier/scaling',
    access: 'manage',
    tag: 'Tiers and nodes',
    summary: 'Change how a tier is scaled',
    description:
      'Sets the fields that are given; null gives one its configured value back. The next decision goes by it.',
    params,
    body: scalingPolicyBody,
    responses: {
      200: { description: 'Its scaling', schema: scalingView },
      404: { description: 'No such tier' },
      422: { description: 'Fields that do not go together' },
    },
    async handle(call) {
      const { params: asked, body } = call
      const tier = await changeScalingPolicy(deps.queue, deps.scalingPolicies, asked.tier, body)
      await audit(deps, call, 'scaling.change', tier, { changes: JSON.stringify(body) })
      return { status: 200, body: await viewOf(deps, tier, 20) }
    },
  }),
  route({
    method: 'get',
    path: '/v1/tiers/:tier/advice',
    access: 'manage',
    tag: 'Tiers and nodes',
    summary: 'Read what the jobs of a tier should ask for, by what they have used',
    params,
    responses: {
      200: {
        description: 'By task and by what its jobs asked for, those that ran most first',
        schema: pageOf(adviceView),
      },
      404: { description: 'No such tier' },
    },
    async handle(call) {
      const used = await deps.queue.jobs.readUse(knownTier(deps.queue, call.params.tier))
      return { status: 200, body: { items: used.map(toAdviceView), nextCursor: null } }
    },
  }),
]

async function viewOf(deps: GatewayDeps, tier: string, limit: number): Promise<object> {
  const { scaling } = deps.queue
  const [state, decisions] = await Promise.all([
    scaling.findState(tier),
    scaling.listDecisions(tier, { limit }),
  ])
  return toScalingView(tier, deps.scalingPolicies.of(tier, state?.policy), state, decisions)
}
