import { z } from 'zod'
import {
  createDocument,
  type ZodOpenApiObject,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponsesObject,
} from 'zod-openapi'
import { version } from '../../../core/version.ts'
import { batchBody, batchItem, problemView } from '../../contract/job-shapes.ts'
import type { Route } from '../route.ts'

/** The OpenAPI 3.1 document of the routes, from the schemas that check them. */
export function makeOpenApi(routes: readonly Route[]): ReturnType<typeof createDocument> {
  const paths: ZodOpenApiPathsObject = {}
  for (const route of routes) {
    const path = route.path.replace(/[:*](\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method]: operationOf(route) }
  }
  const document: ZodOpenApiObject = {
    openapi: '3.1.0',
    info: {
      title: 'Noodle',
      version,
      description:
        'Self-hosted job platform. Errors are application/problem+json (RFC 9457) with `requestId`, and `errors` naming each wrong field.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'From POST /v1/auth/token.',
        },
      },
    },
    paths,
  }
  return createDocument(document)
}

function operationOf(route: Route): ZodOpenApiOperationObject {
  const needs =
    route.access === 'anyone'
      ? ''
      : route.access === 'authenticated'
        ? 'Needs a login.'
        : `Needs the permission \`${route.access}\`.`
  const headers = Object.entries(route.headers ?? {})
  const body = bodyOf(route)
  return {
    operationId: `${route.method} ${route.path}`.replace(
      /[^A-Za-z0-9]+(\w)?/g,
      (_, next: string | undefined) => next?.toUpperCase() ?? '',
    ),
    tags: [route.tag],
    summary: route.summary,
    description: [route.description, needs].filter(Boolean).join('\n\n'),
    ...(route.access === 'anyone' && { security: [] }),
    requestParams: {
      ...(route.params && { path: route.params }),
      ...(route.query && { query: route.query }),
      ...(headers.length > 0 && {
        header: z.object(
          Object.fromEntries(headers.map(([name, text]) => [name, z.string().optional().describe(text)])),
        ),
      }),
    },
    ...(body && { requestBody: body }),
    responses: responsesOf(route),
  }
}

function bodyOf(route: Route): ZodOpenApiOperationObject['requestBody'] {
  if (route.body)
    return { required: !route.isBodyOptional, content: { 'application/json': { schema: route.body } } }
  if (!route.readsBody) return undefined
  const schemas: Record<string, z.ZodType> = {
    'application/json': batchBody,
    'application/x-ndjson': batchItem,
  }
  return {
    required: true,
    content: Object.fromEntries(
      route.readsBody.contentTypes.map((type) => [type, { schema: schemas[type] ?? z.unknown() }]),
    ),
  }
}

function responsesOf(route: Route): ZodOpenApiResponsesObject {
  const responses: ZodOpenApiResponsesObject = {}
  for (const [status, doc] of Object.entries(route.responses)) {
    const isProblem = Number(status) >= 400
    const contentType = doc.contentType ?? (isProblem ? 'application/problem+json' : 'application/json')
    const schema = doc.schema ?? (isProblem ? problemView : undefined)
    responses[status as '200'] = {
      description: doc.description,
      ...((schema ?? doc.contentType) && { content: { [contentType]: { schema: schema ?? z.string() } } }),
    }
  }
  if (route.access !== 'anyone') {
    responses['401'] ??= problemResponse('No access token, or one that is not valid')
    if (route.access !== 'authenticated')
      responses['403'] ??= problemResponse('The role lacks the permission')
  }
  if (route.body || route.query || route.params || route.readsBody)
    responses['400'] ??= problemResponse('Not JSON, or a field that breaks the schema')
  if (!route.isUnlimited)
    responses['429'] ??= problemResponse('Too many requests; try again after Retry-After')
  return responses
}

const problemResponse = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: problemView } },
})
