import express from 'express'
import { z } from 'zod'
import { QueueError } from '../../queue/domain/errors.ts'
import { permissionsOfRole } from '../../queue/domain/user.ts'
import { changeScalingPolicy } from '../../queue/use-cases/change-scaling-policy.ts'
import { listTiers } from '../../queue/use-cases/tier-status.ts'
import type { GatewayDeps } from '../gateway-deps.ts'
import { audit } from '../http/audit.ts'
import { contextOf } from '../http/request-context.ts'
import { page, requireDashboardLogin, requireSameOrigin } from './login.ts'
import { scalingPage, scalingScript, type TierScaling } from './scaling-page.ts'

/** With their figures, below the picture. */
const decisionsShown = 10
/** The picture shows what they reach back to, a day at most: one each 90 s. */
const sizesRead = 1000

const overrideForm = z.object({
  nodes: z
    .string()
    .regex(/^\d{1,5}$/)
    .transform(Number)
    .pipe(z.number().max(10_000)),
  minutes: z
    .string()
    .regex(/^\d{1,5}$/)
    .transform(Number)
    .pipe(z.number().min(1).max(43_200)),
})

/** How the tiers are scaled, for who may read; who may manage keeps a tier at a number of nodes for a while. */
export function scalingPages(deps: GatewayDeps): express.Router {
  const router = express.Router()
  const form = express.urlencoded({ extended: false, limit: 4096, parameterLimit: 8 })
  const mayRead = requireDashboardLogin(deps, 'read', 'see this')
  const mayManage = requireDashboardLogin(deps, 'manage', 'change this: that takes the role admin')

  async function show(response: express.Response, status: number, problem?: string): Promise<void> {
    const { actor } = contextOf(response)
    if (!actor) throw new Error('This page is for who is logged in.')
    const isManager = permissionsOfRole[actor.role].includes('manage')
    const tiers = await readTiers(deps)
    page(
      response,
      status,
      scalingPage(tiers, {
        username: actor.username,
        isManager,
        nowMs: Date.now(),
        ...(problem && { problem }),
      }),
    )
  }

  router.get('/page.js', (_request, response) => {
    response.set('Cache-Control', 'no-cache').type('text/javascript').send(scalingScript)
  })
  router.get('/', mayRead, (_request, response) => show(response, 200))

  router.post('/:tier/override', requireSameOrigin, mayManage, form, async (request, response) => {
    const given = overrideForm.safeParse(request.body)
    if (!given.success) {
      await show(
        response,
        400,
        'Give a number of nodes (0 to 10000) and of minutes (1 to 43200, which is 30 days).',
      )
      return
    }
    const { nodes: replicas, minutes } = given.data
    const until = new Date(Date.now() + minutes * 60_000).toISOString()
    await change(request, response, { override: { replicas, until } })
  })
  router.post('/:tier/override/end', requireSameOrigin, mayManage, (request, response) =>
    change(request, response, { override: null }),
  )

  async function change(
    request: express.Request,
    response: express.Response,
    changes: Record<string, unknown>,
  ): Promise<void> {
    const { actor, requestId } = contextOf(response)
    try {
      const tier = await changeScalingPolicy(
        deps.queue,
        deps.scalingPolicies,
        String(request.params['tier']),
        changes,
      )
      const call = { actor, requestId, address: () => request.ip ?? '' }
      await audit(deps, call, 'scaling.change', tier, { changes: JSON.stringify(changes) })
      response.redirect(303, `/admin/scaling#${tier}`)
    } catch (error) {
      if (!(error instanceof QueueError) || error.kind === 'unavailable') throw error
      await show(response, error.kind === 'not-found' ? 404 : 422, error.message)
    }
  }
  return router
}

async function readTiers({ queue, fleet, scalingPolicies }: GatewayDeps): Promise<TierScaling[]> {
  const [tiers, states] = await Promise.all([
    fleet().then((live) => listTiers(queue, live)),
    queue.scaling.listStates(),
  ])
  return Promise.all(
    tiers.map(async (status) => {
      const state = states.find(({ tier }) => tier === status.tier) ?? null
      const [decisions, sizes] = await Promise.all([
        queue.scaling.listDecisions(status.tier, { limit: decisionsShown }),
        queue.scaling.listSizes(status.tier, sizesRead),
      ])
      return { status, state, policy: scalingPolicies.of(status.tier, state?.policy), decisions, sizes }
    }),
  )
}
