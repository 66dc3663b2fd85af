import { beginSession, endAllSessions, endSession, type Origin, refreshSession } from '../../auth/sessions.ts'
import { loginBody, logoutBody, refreshBody, tokenView } from '../../contract/user-shapes.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { actorOf, type Call, route } from '../route.ts'

/** Answers with secrets are kept by nobody on the way. */
const noStore = { 'Cache-Control': 'no-store' }

export const authRoutes = (deps: GatewayDeps) => [
  route({
    method: 'post',
    path: '/v1/auth/token',
    access: 'anyone',
    tag: 'Login',
    summary: 'Log in',
    body: loginBody,
    responses: {
      200: { description: 'An access token, and a refresh token for the next', schema: tokenView },
      401: { description: 'Wrong name or password' },
    },
    async handle(call) {
      return { status: 200, headers: noStore, body: await beginSession(deps, originOf(call), call.body) }
    },
  }),
  route({
    method: 'post',
    path: '/v1/auth/refresh',
    access: 'anyone',
    tag: 'Login',
    summary: 'Get a new pair of tokens for a refresh token',
    description:
      'The refresh token is spent by it. One that is used again ends the whole session, for somebody has a copy.',
    body: refreshBody,
    responses: {
      200: { description: 'A new pair', schema: tokenView },
      401: { description: 'Spent, revoked, expired or unknown' },
    },
    async handle(call) {
      return {
        status: 200,
        headers: noStore,
        body: await refreshSession(deps, originOf(call), call.body.refreshToken),
      }
    },
  }),
  route({
    method: 'post',
    path: '/v1/auth/logout',
    access: 'authenticated',
    tag: 'Login',
    summary: 'End a session, or all of them',
    description: 'No refresh token of it works any more; an access token lives on until it expires.',
    body: logoutBody,
    isBodyOptional: true,
    responses: { 204: { description: 'Ended' } },
    async handle(call) {
      const { refreshToken } = call.body
      if (refreshToken === undefined) await endAllSessions(deps, actorOf(call))
      else await endSession(deps, actorOf(call), refreshToken)
      return { status: 204 }
    },
  }),
]

const originOf = (call: Pick<Call<unknown, unknown, unknown>, 'address' | 'requestId'>): Origin => ({
  address: call.address(),
  requestId: call.requestId,
})
