import express from 'express'
import { QueueError } from '../../queue/domain/errors.ts'
import { type Permission, permissionsOfRole } from '../../queue/domain/user.ts'
import { dashboardSeconds } from '../auth/auth.ts'
import { checkLogin } from '../auth/sessions.ts'
import type { GatewayDeps } from '../gateway-deps.ts'
import { contextOf } from '../http/request-context.ts'
import { loginPage, refusedPage } from './pages.ts'

const cookieName = 'noodle_admin'

/**
 * Login and logout of the dashboard under /admin/login. The cookie holds a token for the dashboard alone, is sent with requests from our own pages only
 * (SameSite=Strict), and scripts can't read it.
 */
export function dashboardLogin(deps: GatewayDeps): express.Router {
  const router = express.Router()
  const form = express.urlencoded({ extended: false, limit: 4096, parameterLimit: 8 })

  router.get('/login', (_request, response) => page(response, 200, loginPage()))
  router.post('/login', requireSameOrigin, form, async (request, response) => {
    const { username, password } = request.body as Record<string, unknown>
    if (
      typeof username !== 'string' ||
      typeof password !== 'string' ||
      username === '' ||
      password === '' ||
      username.length > 256 ||
      password.length > 1024
    ) {
      page(response, 400, loginPage('Enter a user name and a password.'))
      return
    }
    try {
      const user = await checkLogin(
        deps,
        { address: request.ip ?? '', requestId: contextOf(response).requestId },
        { username, password },
      )
      const may = permissionsOfRole[user.role]
      if (!may.includes('read')) {
        page(
          response,
          403,
          refusedPage(user.username, `see anything here: the role ${user.role} is for nodes`),
        )
        return
      }
      response.cookie(cookieName, deps.auth.dashboard.tokens.issue(user), {
        httpOnly: true,
        sameSite: 'strict',
        secure: request.secure,
        path: '/admin',
        maxAge: dashboardSeconds * 1000,
      })
      response.redirect(303, may.includes('manage') ? '/admin/queues/' : '/admin/scaling')
    } catch (error) {
      if (!(error instanceof QueueError) || (error.kind !== 'unauthenticated' && error.kind !== 'limited'))
        throw error
      if (error.retryAfterSeconds !== undefined)
        response.set('Retry-After', String(Math.ceil(error.retryAfterSeconds)))
      page(response, error.kind === 'limited' ? 429 : 401, loginPage(error.message))
    }
  })
  router.post('/logout', requireSameOrigin, (_request, response) => {
    response.clearCookie(cookieName, { path: '/admin' })
    response.redirect(303, '/admin/login')
  })
  return router
}

/**
 * Lets through who is logged in with a permission, and puts who it is into the request's context; a browser without a login is sent to it.
 * @param what completes "… may not"
 */
export function requireDashboardLogin(
  deps: GatewayDeps,
  permission: Permission,
  what: string,
): express.RequestHandler {
  return async (request, response, next) => {
    const token = readCookie(request.get('Cookie'))
    try {
      if (token === undefined) throw new QueueError('BAD_TOKEN', 'Log in first.')
      const actor = await deps.auth.dashboard.authenticate(token)
      contextOf(response).actor = actor
      if (permissionsOfRole[actor.role].includes(permission)) next()
      else page(response, 403, refusedPage(actor.username, what))
    } catch (error) {
      if (!(error instanceof QueueError) || error.kind !== 'unauthenticated') throw error
      if (request.accepts(['json', 'html']) === 'html' || request.path === '/')
        response.redirect(303, '/admin/login')
      else response.status(401).json({ error: { message: error.message } })
    }
  }
}

/** A form of another site does nothing here (Fetch Metadata; Origin where a browser does not send it). */
export const requireSameOrigin: express.RequestHandler = (request, response, next) => {
  const site = request.get('Sec-Fetch-Site')
  const origin = request.get('Origin')
  const isOwn =
    site !== undefined
      ? site === 'same-origin' || site === 'none'
      : origin === undefined || sameHost(origin, request.get('Host'))
  if (isOwn) next()
  else page(response, 403, refusedPage(null))
}

function sameHost(origin: string, host: string | undefined): boolean {
  return URL.canParse(origin) && new URL(origin).host === host
}

function readCookie(header: string | undefined): string | undefined {
  const pair = header
    ?.split(';')
    .map((part) => part.trim())
    .find((part) => part.startsWith(`${cookieName}=`))
  return pair?.slice(cookieName.length + 1)
}

export function page(response: express.Response, status: number, html: string): void {
  response.status(status).set('Cache-Control', 'no-store').type('html').send(html)
}
