import type express from 'express'
import { QueueError } from '../../queue/domain/errors.ts'
import type { Actor } from '../../queue/domain/user.ts'
import { answer, sendAway, setCommonHeaders } from './answer.ts'
import { makeBodyRoom } from './body-room.ts'
import type { GatewayDeps } from '../gateway-deps.ts'
import { HttpProblem } from './problem.ts'
import { limitRate } from './rate-limit.ts'
import { hasBody, readJsonBody } from './read-body.ts'
import { contextOf, type RequestContext } from './request-context.ts'
import type { Access, Reply, Route } from './route.ts'
import { validate } from '../contract/validate.ts'

/** Of bodies with large payloads, for each route that takes them. */
const largeBodiesBytes = 134_217_728

/** Turns a route into an Express handler: access, then shapes, then the handler, then the reply. */
export function serveRoute(deps: GatewayDeps, route: Route): express.RequestHandler {
  const limitBytes = () =>
    route.takesPayload ? deps.config.PAYLOAD_LIMIT_BYTES : deps.config.BODY_LIMIT_BYTES
  const room = makeBodyRoom(largeBodiesBytes)
  return async (request, response) => {
    const context = contextOf(response)
    const { requestId, actor, authError } = context
    if (!route.isUnlimited) limitRate(deps, request, response)
    if (route.access !== 'anyone' && authError !== undefined) throw authError
    permit(deps, route.access, actor)

    route.admit?.()

    const params = route.params ? validate(route.params, textsOf(request.params), 'The path') : undefined
    const query = readQuery(route, request)
    if (!route.body) refuseBody(route, request)
    const json = route.body ? await readJsonBody(request, response, limitBytes(), undefined, room) : undefined
    route.refuse?.(json)
    const body = route.body
      ? validate(route.body, json ?? (route.isBodyOptional ? {} : undefined), 'The body')
      : undefined

    let gone: AbortSignal | undefined
    let dismissed: AbortSignal | undefined
    const reply = await route.handle({
      params,
      query,
      body,
      json,
      actor,
      header: (name) => request.get(name),
      address: () => request.ip ?? '',
      requestId,
      gone: () => (gone ??= whenGone(response)),
      dismissed: () => (dismissed ??= whenGone(response, deps.closing)),
      log: context.log,
      raw: { request, response },
    })
    sendAway(deps, response)
    await send(response, context, reply)
  }
}

/** Express gives what a `*name` matches in parts. */
function textsOf(params: Record<string, string | string[]>): Record<string, string> {
  for (const [name, value] of Object.entries(params))
    if (Array.isArray(value)) return textsOf({ ...params, [name]: value.join('/') })
  return params as Record<string, string>
}

/** When the client goes away, or `closing` comes. Made only for those who ask: most requests are answered sooner. */
function whenGone(response: express.Response, closing?: AbortSignal): AbortSignal {
  const gone = new AbortController()
  // With a reason, for the default one records a stack.
  const leave = (): void => {
    closing?.removeEventListener('abort', leave)
    gone.abort('gone')
  }
  response.on('close', leave)
  closing?.addEventListener('abort', leave)
  if (response.closed || closing?.aborted) leave()
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

async function send(response: express.Response, context: RequestContext, reply: Reply): Promise<void> {
  if ('stream' in reply) {
    setCommonHeaders(response, context)
    await reply.stream(response)
    return
  }
  const { status, body } = reply
  if (body === undefined) answer(response, context, { status, headers: { ...reply.headers }, text: '' })
  else if (typeof body === 'string')
    answer(response, context, { status, headers: { ...reply.headers }, text: body })
  else
    answer(response, context, {
      status,
      headers: { ...reply.headers, 'Content-Type': 'application/json; charset=utf-8' },
      text: JSON.stringify(body),
    })
}
