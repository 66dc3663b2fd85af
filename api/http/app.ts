import { randomUUID } from 'node:crypto'
import express from 'express'
import helmet from 'helmet'
import { performance } from 'node:perf_hooks'
import type { Logger } from '../../core/logger.ts'
import { linkPath } from '../blobs/blob-links.ts'
import { dashboardRouter } from '../dashboard/bull-board.ts'
import { allowOrigins } from './allow-origins.ts'
import { answer, sendAway } from './answer.ts'
import { docsRoutes } from './docs/docs-routes.ts'
import type { GatewayDeps } from '../gateway-deps.ts'
import { notYet } from './not-yet.ts'
import { HttpProblem, toProblem } from './problem.ts'
import { limitRate } from './rate-limit.ts'
import type { Route } from './route.ts'
import { allRoutes } from './routes.ts'
import { contextOf, type RequestContext } from './request-context.ts'
import { serveRoute } from './serve-route.ts'

/** The gateway's HTTP side, without a port. */
export function makeApp(deps: GatewayDeps): express.Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('trust proxy', deps.config.TRUST_PROXY_HOPS)
  app.set('query parser', 'simple')

  app.use(admit(deps))
  app.use('/admin', helmet(), nameRequest, dashboardRouter(deps))
  if (deps.config.CORS_ORIGINS.length > 0) app.use(allowOrigins(deps.config.CORS_ORIGINS))

  const routes: Route[] = [...allRoutes(deps), ...docsRoutes(deps, () => routes)]
  for (const route of routes) app[route.method](route.path, serveRoute(deps, route))
  app.use(limitAll(deps), refuseOtherMethods(routes), notYet, () => {
    throw new HttpProblem(404, 'There is no such page; /docs lists all calls.')
  })
  app.use(answerError(deps))
  return app
}

const requestIdShape = /^[A-Za-z0-9._-]{1,64}$/

/** What each request goes through first. One function, because each layer of Express costs a request as much as this one's work. */
function admit(deps: GatewayDeps): express.RequestHandler {
  return async (request, response, next) => {
    const startedMs = performance.now()
    const context = makeContext(deps, request)
    response.locals = context as typeof response.locals & RequestContext
    response.on('finish', () => {
      measure(deps, request, response, performance.now() - startedMs)
    })
    try {
      context.actor = await deps.auth.authenticate(request.headers.authorization)
    } catch (error) {
      context.authError = error as Error
    }
    next()
  }
}

/** A request keeps the id that the client or the load balancer gave it. */
function makeContext(deps: GatewayDeps, request: express.Request): RequestContext {
  const given = request.headers['x-request-id']
  const requestId = typeof given === 'string' && requestIdShape.test(given) ? given : randomUUID()
  let log: Logger | undefined
  return {
    requestId,
    log: () => (log ??= deps.queue.log.child({ requestId })),
    actor: undefined,
    authError: undefined,
    rateHeaders: undefined,
  }
}

function measure(
  deps: GatewayDeps,
  request: express.Request,
  response: express.Response,
  durationMs: number,
): void {
  const matched = request.route as { path?: unknown } | undefined
  const route =
    typeof matched?.path === 'string' ? `${request.baseUrl}${matched.path}` : request.baseUrl || 'none'
  const { method } = request
  const status = response.statusCode
  deps.queue.metrics.httpRequests.observe({ method, route, status }, durationMs / 1000)
  const { requestId } = contextOf(response)
  deps.queue.log.debug('request answered', { requestId, method, route, status, durationMs })
}

const limitAll =
  (deps: GatewayDeps): express.RequestHandler =>
  (request, response, next) => {
    limitRate(deps, request, response)
    next()
  }

const nameRequest: express.RequestHandler = (_request, response, next) => {
  response.setHeader('X-Request-Id', contextOf(response).requestId)
  next()
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

/** Whoever has a signed link may read by it. */
const withoutToken = (path: string): string =>
  path.startsWith(`${linkPath}/`) ? `${linkPath}/(a signed link)` : path

/** The one place where an error becomes an answer. */
const answerError =
  (deps: GatewayDeps): express.ErrorRequestHandler =>
  (error: unknown, request, response, _next) => {
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
    const path = withoutToken(request.path)
    if (problem.status === 500)
      log().error('request failed by a fault of ours', { method: request.method, path, error })
    else if (problem.status === 503)
      log().warn('request could not be served', { method: request.method, path, error })
    if (response.headersSent) {
      response.destroy()
      return
    }
    sendAway(deps, response)
    answer(response, contextOf(response), {
      status: problem.status,
      headers: { ...headers, 'Content-Type': 'application/problem+json; charset=utf-8' },
      text: JSON.stringify(problem),
    })
  }
