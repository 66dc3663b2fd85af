import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { HttpProblem } from '../problem.ts'
import { type Route, route } from '../route.ts'

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

const script = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#reference', deepLinking: true, tryItOutEnabled: true, persistAuthorization: false })
`

const assets: Record<string, string> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
}

/** The OpenAPI document and its reference page. The document is made at its first reading: it would cost every start time and memory. */
export function docsRoutes(routes: () => readonly Route[]): Route[] {
  let document: Promise<string> | undefined
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
      responses: { 200: { description: 'OpenAPI 3.1' } },
      async handle() {
        document ??= import('./openapi.ts').then(({ makeOpenApi }) => JSON.stringify(makeOpenApi(routes())))
        return { status: 200, headers: { 'Content-Type': 'application/json' }, body: await document }
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
