import type express from 'express'
import { HttpProblem } from './problem.ts'

/** Calls of the contract whose time has not come: refused with a word of their own, so that nobody looks for a typing mistake. */
const announced: { path: RegExp; what: string }[] = [
  { path: /^\/v1\/jobs\/(cancel|replay)$/, what: 'Cancelling and replaying in bulk' },
  { path: /^\/v1\/workflows(\/|$)/, what: 'Workflows' },
  { path: /^\/v1\/schedules(\/|$)/, what: 'Schedules' },
  {
    path: /^\/v1\/(alerts|usage|tenants|api-keys|webhooks|flags|backups|deployments)(\/|$)/,
    what: 'This part',
  },
]

export const notYet: express.RequestHandler = (request, _response, next) => {
  const found = announced.find(({ path }) => path.test(request.path))
  if (found)
    throw new HttpProblem(
      404,
      `${found.what} of the API (${request.path}) is not part of this version of Noodle.`,
    )
  next()
}
