import { z } from 'zod'
import { faultOfPattern } from '../../../queue/domain/cache-name.ts'
import { audit } from '../audit.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { route } from '../route.ts'

const pattern = z
  .string()
  .superRefine((text, context) => {
    const message = faultOfPattern(text)
    if (message !== null) context.addIssue({ code: 'custom', message })
  })
  .describe('Names of entries: `task_<task>`, `job_<id>` or `user_<id>`; `*` stands for any text.')

export const clearCacheRoute = (deps: GatewayDeps) =>
  route({
    method: 'delete',
    path: '/v1/cache',
    access: 'manage',
    tag: 'System',
    summary: 'Forget what is cached',
    description:
      'Of all tenants, in Redis and in every process: results of tasks (`task_resize`, `task_*`), ended jobs and users. Nothing is lost by it; what is asked for next comes from Postgres, or is run.',
    query: z.strictObject({ pattern }),
    responses: {
      200: {
        description: 'How many entries there were in Redis and in this gateway',
        schema: z.object({ pattern: z.string(), removed: z.number() }),
      },
      503: { description: 'The cache Redis is away: processes have forgotten, but Redis has not' },
    },
    async handle(call) {
      const removed = await deps.queue.cache.clear(call.query.pattern)
      await audit(deps, call, 'cache.clear', call.query.pattern, { removed })
      return { status: 200, body: { pattern: call.query.pattern, removed } }
    },
  })
