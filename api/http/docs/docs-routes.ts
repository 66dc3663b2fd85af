import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { permissionsOfRole } from '../../../queue/domain/user.ts'
import { type Catalogue, listTasks } from '../../../queue/use-cases/catalogue.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { HttpProblem } from '../problem.ts'
import { type Route, route } from '../route.ts'
import type { ApiDocument } from './openapi-tasks.ts'

/** Swagger UI sets inline styles and data: images; its scripts are files of ours. */
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Noodle: API reference</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="reference"></div>
<noscript>The reference needs JavaScript; the document itself is at <a href="/openapi.json">/openapi.json</a>.</noscript>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/reference.js"></script>
</body>
</html>
`

/** Who authorises sees the tasks too: the document is read again with the token. It stays in the page's memory. */
const script = `let token
const readAgain = (system, authorised) => {
  token = authorised
  system.specActions.download('/openapi.json')
}
SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  tryItOutEnabled: true,
  persistAuthorization: false,
  requestInterceptor: (request) => {
    if (request.loadSpec && token) request.headers.Authorization = 'Bearer ' + token
    return request
  },
  plugins: [{
    statePlugins: {
      auth: {
        wrapActions: {
          authorize: (next, system) => (given) => {
            next(given)
            readAgain(system, given.bearer?.value)
          },
          logout: (next, system) => (names) => {
            next(names)
            readAgain(system, undefined)
          },
        },
      },
    },
  }],
})
`

const assets: Record<string, string> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
}

/**
 * The OpenAPI document and its reference page. Anyone may read what calls there are; the tasks are for those who may list them.
 * The document is made at its first reading: it would cost every start time and memory.
 */
export function docsRoutes(deps: GatewayDeps, routes: () => readonly Route[]): Route[] {
  let document: Promise<ApiDocument> | undefined
  let text: Promise<string> | undefined
  let latest: { catalogue: Catalogue; text: Promise<string> } | undefined
  const plain = (): Promise<ApiDocument> =>
    (document ??= import('./openapi.ts').then(({ makeOpenApi }) => makeOpenApi(routes())))
  const withoutTasks = (): Promise<string> => (text ??= plain().then((made) => JSON.stringify(made)))
  /** Made anew with each new sight of the catalogue, by the second at most. */
  async function withCatalogue(): Promise<string> {
    const catalogue = await deps.catalogue()
    if (latest?.catalogue !== catalogue)
      latest = {
        catalogue,
        text: Promise.all([plain(), import('./openapi-tasks.ts')]).then(([made, { withTasks }]) =>
          JSON.stringify(withTasks(made, listTasks(catalogue))),
        ),
      }
    return latest.text
  }
  const html = (body: string) => ({
    status: 200,
    headers: { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': contentSecurityPolicy },
    body,
  })
  return [
    route({
      method: 'get',
      path: '/openapi.json',
      access: 'anyone',
      tag: 'System',
      summary: 'This document',
      description:
        'With the token of one who may read it has the tasks too: the schemas of their payloads, results and submissions, and `x-noodle-tasks`.',
      responses: { 200: { description: 'OpenAPI 3.1' } },
      async handle({ actor }) {
        const maySee = actor !== undefined && permissionsOfRole[actor.role].includes('read')
        return {
          status: 200,
          headers: {
            'Content-Type': 'application/json',
            'Cache-Control': maySee ? 'private, no-store' : 'no-cache',
            Vary: 'Authorization, Origin',
          },
          body: await (maySee ? withCatalogue() : withoutTasks()),
        }
      },
    }),
    route({
      method: 'get',
      path: '/docs',
      access: 'anyone',
      tag: 'System',
      summary: 'API reference',
      responses: { 200: { description: 'A page', contentType: 'text/html' } },
      handle: () => Promise.resolve(html(page)),
    }),
    route({
      method: 'get',
      path: '/docs/:asset',
      access: 'anyone',
      tag: 'System',
      summary: 'Files of the reference page',
      params: z.object({ asset: z.string() }),
      responses: {
        200: { description: 'A file', contentType: 'text/plain' },
        404: { description: 'No such file' },
      },
      async handle(call) {
        const { asset } = call.params
        if (asset === 'reference.js')
          return { status: 200, headers: { 'Content-Type': 'text/javascript; charset=utf-8' }, body: script }
        const contentType = Object.hasOwn(assets, asset) ? assets[asset] : undefined
        if (contentType === undefined)
          throw new HttpProblem(404, 'There is no such page; /docs lists all calls.')
        const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
        return {
          status: 200,
          headers: { 'Content-Type': contentType, 'Cache-Control': 'max-age=86400' },
          body: await readFile(join(folder, asset), 'utf8'),
        }
      },
    }),
    route({
      method: 'get',
      path: '/',
      access: 'anyone',
      tag: 'System',
      summary: 'The way in',
      responses: { 302: { description: 'To the API reference' } },
      handle: () => Promise.resolve({ status: 302, headers: { Location: '/docs' } }),
    }),
  ]
}
