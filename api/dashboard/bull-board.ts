import { createBullBoard } from '@bull-board/api'
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import { ExpressAdapter } from '@bull-board/express'
import express from 'express'
import helmet from 'helmet'
import type { GatewayDeps } from '../gateway-deps.ts'
import { dashboardLogin, requireDashboardLogin } from './login.ts'
import { scalingPages } from './scaling-pages.ts'

const basePath = '/admin/queues'

/**
 * Pages behind a browser login with the accounts of the API: scaling for who may read, and Bull Board for who may manage. The board only looks: what stands in BullMQ are hints, and to retry or to remove
 * one there would change no job; that is what replay and cancel are for.
 */
export function dashboardRouter(deps: GatewayDeps): express.Router {
  const server = new ExpressAdapter()
  server.setBasePath(basePath)
  createBullBoard({
    queues: deps.queue.tiers.map((tier) => {
      const adapter = new BullMQAdapter(deps.queue.deliveries.queueOf(tier.name), {
        readOnlyMode: true,
        description: `${String(tier.cpu)} cpu, ${String(tier.memoryMb)} MiB, ${String(tier.gpu)} gpu`,
      })
      adapter.setFormatter('data', redactData)
      adapter.setFormatter('returnValue', () => undefined)
      return adapter
    }),
    serverAdapter: server,
    options: {
      uiConfig: {
        boardTitle: 'Noodle',
        hideDocsLink: true,
        hideRedisDetails: true,
        showWorkers: false,
        miscLinks: [
          { text: 'Scaling', url: '/admin/scaling' },
          { text: 'API reference', url: '/docs' },
        ],
      },
    },
  })

  const router = express.Router()
  router.use(
    helmet.contentSecurityPolicy({
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        // Bull Board sets styles on elements; its web fonts stay out, the browser's own serve.
        styleSrc: ["'self'", "'unsafe-inline'"],
        fontSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        connectSrc: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        baseUri: ["'self'"],
      },
    }),
  )
  router.use(dashboardLogin(deps))
  router.use('/scaling', scalingPages(deps))
  router.use(
    '/queues',
    requireDashboardLogin(deps, 'manage', 'see the queues: that takes the role admin'),
    onlyReading,
    server.getRouter() as express.Router,
  )
  return router
}

/** Whatever the board's own read-only mode lets through, nothing that changes anything reaches it. */
const onlyReading: express.RequestHandler = (request, response, next) => {
  if (request.method === 'GET' || request.method === 'HEAD') next()
  else
    response
      .status(405)
      .set('Allow', 'GET, HEAD')
      .json({ error: { message: 'ERRORS.QUEUE_READ_ONLY' } })
}

/** A delivery holds ids and display fields only; should another process have put anything else there, it is not shown. */
function redactData(data: unknown): unknown {
  if (typeof data !== 'object' || data === null || !('jobs' in data) || !Array.isArray(data.jobs))
    return { note: 'not one of ours' }
  const jobs = data.jobs as { id?: unknown; seq?: unknown }[]
  return {
    jobs: jobs.map(({ id, seq }) => ({ id, seq })),
    tenant: 'tenant' in data ? data.tenant : undefined,
  }
}
