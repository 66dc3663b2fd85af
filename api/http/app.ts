import { randomUUID } from 'node:crypto'
import express from 'express'
import helmet from 'helmet'
import { performance } from 'node:perf_hooks'
import { dashboardRouter } from '../dashboard/bull-board.ts'
import { docsRoutes } from './docs/docs-routes.ts'
import type { GatewayDeps } from './gateway-deps.ts'
import { notYet } from './not-yet.ts'
import { HttpProblem, toProblem } from './problem.ts'
import { rateLimit } from './rate-limit.ts'
import type { Route } from './route.ts'
import { allRoutes } from './routes.ts'
import { contextOf, serveRoute } from './serve-route.ts'

/** The gateway's HTTP side, without a port. */
export function makeApp(deps: GatewayDeps): express.Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('trust proxy', deps.config.TRUST_PROXY_HOPS)
  app.set('query parser', 'simple')

  app.use(identify(deps))
  app.use(measure(deps))
  app.use(helmet())
  app.use('/admin', dashboardRouter(deps))
  app.use(authenticate(deps))
  const limit = rateLimit(deps)

  const routes: Route[] = [...allRoutes(deps), ...docsRoutes(() => routes)]
  for (const route of routes)
    app[route.method](route.path, ...(route.isUnlimited ? [] : [limit]), serveRoute(deps, route))
  app.use(limit, refuseOtherMethods(routes), notYet, () => {
    throw new HttpProblem(404, 'There is no such page; /docs lists all calls.')
  })
  app.use(answerError)
  return app
}

const requestIdShape = /^[A-Za-z0-9._-]{1,64}$/

/** A request keeps the id that the client or the load balancer gave it. */
function identify(deps: GatewayDeps): express.RequestHandler {
  return (request, response, next) => {
    const given = request.get('X-Request-Id')
    const requestId = given !== undefined && requestIdShape.test(given) ? given : randomUUID()
    response.setHeader('X-Request-Id', requestId)
    Object.assign(response.locals, {
      requestId,
      log: deps.queue.log.child({ requestId }),
      actor: undefined,
      authError: undefined,
    })
    next()
  }
}

function measure(deps: GatewayDeps): express.RequestHandler {
  return (request, response, next) => {
    const startedMs = performance.now()
    response.on('finish', () => {
      const seconds = (performance.now() - startedMs) / 1000
      const matched = request.route as { path?: unknown } | undefined
      const route =
        typeof matched?.path === 'string' ? `${request.baseUrl}${matched.path}` : request.baseUrl || 'none'
      deps.queue.metrics.httpRequests.observe(
        { method: request.method, route, status: response.statusCode },
        seconds,
      )
      contextOf(response).log.debug('request answered', {
        method: request.method,
        route,
        status: response.statusCode,
        durationMs: seconds * 1000,
      })
    })
    next()
  }
}

function authenticate(deps: GatewayDeps): express.RequestHandler {
  return async (request, response, next) => {
    const context = contextOf(response)
    try {
      context.actor = await deps.auth.authenticate(request.get('Authorization'))
    } catch (error) {
      context.authError = error as Error
    }
    next()
  }
}

function refuseOtherMethods(routes: readonly Route[]): express.RequestHandler {
  const router = express.Router()
  for (const path of new Set(routes.map((route) => route.path))) {
    const methods = routes.filter((route) => route.path === path).map((route) => route.method.toUpperCase())
    router.all(path, (request) => {
      throw new HttpProblem(405, `${request.method} is not possible here; ${methods.join(', ')} is.`, {
        headers: { Allow: methods.join(', ') },
      })
    })
  }
  return router
}

/** The one place where an error becomes an answer. */
const answerError: express.ErrorRequestHandler = (error: unknown, request, response, _next) => {
  const { requestId, log } = contextOf(response)
  // Express' own refusals (a path that is no valid URI) carry a status.
  const status =
    error instanceof Error && 'status' in error && typeof error.status === 'number' && error.status < 500
      ? error.status
      : undefined
  const known =
    status !== undefined && !(error instanceof HttpProblem)
      ? new HttpProblem(status, `The request could not be read: ${(error as Error).message}.`)
      : error
  const { problem, headers } = toProblem(known, { path: request.path, requestId })
  if (problem.status === 500)
    log.error('request failed by a fault of ours', { method: request.method, path: request.path, error })
  else if (problem.status === 503)
    log.warn('request could not be served', { method: request.method, path: request.path, error })
  if (response.headersSent) {
    response.destroy()
    return
  }
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  response.status(problem.status).type('application/problem+json').send(JSON.stringify(problem))
}
