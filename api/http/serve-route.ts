import type express from 'express'
import type { Logger } from '../../core/logger.ts'
import { QueueError } from '../../queue/domain/errors.ts'
import type { Actor } from '../../queue/domain/user.ts'
import type { GatewayDeps } from './gateway-deps.ts'
import { HttpProblem } from './problem.ts'
import { hasBody, readJsonBody } from './read-body.ts'
import type { Access, Reply, Route } from './route.ts'
import { validate } from './validate.ts'

/** What the middleware before a route found out about a request; kept in `response.locals`. */
export interface RequestContext {
  requestId: string
  log: Logger
  actor: Actor | undefined
  /** Why the token was refused; told only after the rate limit has counted the request. */
  authError: Error | undefined
}

export const contextOf = (response: express.Response): RequestContext => response.locals as RequestContext

/** Turns a route into an Express handler: access, then shapes, then the handler, then the reply. */
export function serveRoute(deps: GatewayDeps, route: Route): express.RequestHandler {
  return async (request, response) => {
    const { requestId, log, actor, authError } = contextOf(response)
    if (route.access !== 'anyone' && authError !== undefined) throw authError
    permit(deps, route.access, actor)

    const params = route.params ? validate(route.params, request.params, 'The path') : undefined
    const query = readQuery(route, request)
    if (!route.body) refuseBody(route, request)
    const json = route.body ? await readJsonBody(request, response, deps.config.BODY_LIMIT_BYTES) : undefined
    route.refuse?.(json)
    const body = route.body
      ? validate(route.body, json ?? (route.isBodyOptional ? {} : undefined), 'The body')
      : undefined

    let gone: AbortSignal | undefined
    const reply = await route.handle({
      params,
      query,
      body,
      json,
      actor,
      header: (name) => request.get(name),
      address: request.ip ?? '',
      requestId,
      get gone() {
        return (gone ??= whenGone(response))
      },
      log,
      raw: { request, response },
    })
    await send(response, reply)
  }
}

/** Made only for those who ask: most requests are answered sooner than anybody goes away. */
function whenGone(response: express.Response): AbortSignal {
  const gone = new AbortController()
  // With a reason, for the default one records a stack.
  response.on('close', () => {
    gone.abort('gone')
  })
  if (response.closed) gone.abort('gone')
  return gone.signal
}

function permit(deps: GatewayDeps, access: Access, actor: Actor | undefined): void {
  if (access === 'anyone') return
  if (!actor)
    throw new QueueError(
      'BAD_TOKEN',
      'An access token is needed: send the header `Authorization: Bearer …`; POST /v1/auth/token gives one.',
    )
  if (access !== 'authenticated') deps.auth.require(actor, access)
}

function readQuery(route: Route, request: express.Request): unknown {
  if (route.query) return validate(route.query, request.query, 'The query')
  const [unknownName] = Object.keys(request.query)
  if (unknownName === undefined) return undefined
  throw new QueueError('INVALID_REQUEST', `This call takes no query, but got ${unknownName}.`, {
    fields: [{ path: unknownName, message: 'is not a parameter of this call' }],
  })
}

/** A body that nobody reads would be accepted and ignored. */
function refuseBody(route: Route, request: express.Request): void {
  if (route.readsBody || route.method === 'get' || route.method === 'delete' || !hasBody(request)) return
  throw new HttpProblem(400, 'This call takes no body.', {
    fields: [{ path: '', message: 'must be absent' }],
  })
}

async function send(response: express.Response, reply: Reply): Promise<void> {
  if ('stream' in reply) {
    await reply.stream(response)
    return
  }
  response.status(reply.status)
  for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value)
  if (reply.body === undefined) response.end()
  else if (typeof reply.body === 'string') response.end(reply.body)
  else response.json(reply.body)
}
