import type { ServerResponse } from 'node:http'
import helmet from 'helmet'
import type { RequestContext } from './request-context.ts'

/**
 * What the API's answers tell browsers: they are data, to be neither run nor framed (OWASP REST Security Cheat Sheet, "Security Headers"). Pages set
 * a policy of their own. Read off helmet once: setting them one by one costs more than the rest of an answer.
 */
const securityHeaders = headersOf(
  helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    },
    frameguard: { action: 'deny' },
    // About documents, plug-ins and browsers of old:
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
    dnsPrefetchControl: false,
    ieNoOpen: false,
    permittedCrossDomainPolicies: false,
    xssFilter: false,
  }),
)

function headersOf(middleware: ReturnType<typeof helmet>): Record<string, string> {
  const headers: Record<string, string> = {}
  const response = {
    setHeader(name: string, value: string) {
      headers[name] = value
    },
    removeHeader: () => undefined,
  }
  middleware({} as never, response as never, () => undefined)
  return headers
}

type Common = Pick<RequestContext, 'requestId' | 'rateHeaders'>

function headersFor(context: Common, own: Record<string, string>): Record<string, string> {
  return { ...securityHeaders, 'X-Request-Id': context.requestId, ...context.rateHeaders, ...own }
}

/** Sends an answer whole, with what every answer carries; `headers` win over it. */
export function answer(
  response: ServerResponse,
  context: Common,
  { status, headers, text }: { status: number; headers: Record<string, string>; text: string },
): void {
  const all: string[] = []
  const named = headersFor(context, headers)
  for (const name in named) all.push(name, named[name] ?? '')
  const bytes = Buffer.byteLength(text)
  all.push('Content-Length', String(bytes))
  response.writeHead(status, all)
  // Where each character is one byte, Latin-1 is the same bytes and quicker written.
  response.end(text, bytes === text.length ? 'latin1' : 'utf8')
}

/** For those who write the response themselves: what every answer carries. */
export function setCommonHeaders(response: ServerResponse, context: Common): void {
  for (const [name, value] of Object.entries(headersFor(context, {}))) response.setHeader(name, value)
}

/** From the stop on, each answer is the last of its connection: the client's next request comes over a new one, to another gateway. */
export function sendAway(deps: { isStopping: () => boolean }, response: ServerResponse): void {
  if (deps.isStopping()) response.setHeader('Connection', 'close')
}
