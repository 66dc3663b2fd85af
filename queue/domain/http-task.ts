import { z } from 'zod'

export const httpMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

const statusMessage = 'must be a status such as 404, or a class of them such as "2xx"'

/** A status, or a class of them. */
const status = z.union(
  [z.number().int().min(100).max(599), z.string().regex(/^[1-5]xx$/, statusMessage)],
  statusMessage,
)

const mostHeaders = 100

/** Set by Noodle or by the connection; a job that sets them could say one thing to a proxy and another to the server behind it. */
const ownHeaders =
  /^(host|connection|keep-alive|content-length|transfer-encoding|te|trailer|upgrade|expect|accept-encoding|proxy-.*|noodle-.*)$/

const headers = z.record(z.string(), z.string().max(16_384)).superRefine((all, context) => {
  const names = Object.keys(all)
  const wrong = (name: string, message: string): void =>
    context.addIssue({ code: 'custom', path: [name], message })
  for (const name of names.slice(0, mostHeaders)) {
    if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$/.test(name)) wrong(name, 'is no name of a header')
    else if (ownHeaders.test(name.toLowerCase()))
      wrong(name, 'is set by Noodle or by the connection; leave it out')
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(all[name] ?? '')) wrong(name, 'must be one line of text in latin-1')
  }
  if (names.length > mostHeaders) context.addIssue(`must be at most ${String(mostHeaders)} headers`)
  if (new Set(names.map((name) => name.toLowerCase())).size < names.length)
    context.addIssue('must not name a header twice, in different case')
})

const url = z
  .string()
  .max(8192)
  .refine((text) => urlProblem(text) === null, { error: ({ input }) => urlProblem(String(input)) ?? '' })

function urlProblem(text: string): string | null {
  const parsed = URL.parse(text)
  if (!parsed || !['http:', 'https:'].includes(parsed.protocol)) return 'must be an http or https URL'
  if (parsed.username || parsed.password) return 'must not hold a user and password; send a header'
  return null
}

export const httpPayload = z
  .strictObject({
    url: url.describe('Where to; http or https.'),
    method: z.enum(httpMethods).optional().describe('GET by default, POST with a body.'),
    headers: headers.optional().describe('Headers of the request, by name.'),
    body: z.json().optional().describe('A text is sent as it is, anything else as JSON.'),
    timeoutMs: z
      .number()
      .int()
      .min(1)
      .max(3_600_000)
      .optional()
      .describe('How long the call may take, redirects and body included; 30000 by default.'),
    redirects: z
      .number()
      .int()
      .min(0)
      .max(10)
      .optional()
      .describe(
        'Most redirects that are followed; 5 by default. With 0 a redirect is an answer like others.',
      ),
    expect: z
      .array(status)
      .min(1)
      .max(50)
      .optional()
      .describe('Statuses that are a success: numbers and classes; ["2xx"] by default.'),
    retryOn: z
      .array(status)
      .max(50)
      .optional()
      .describe(
        'Statuses after which another attempt may help; [408, 425, 429, "5xx"] by default. Any other that is not expected is final.',
      ),
  })
  .refine(({ method, body }) => body === undefined || (method !== 'GET' && method !== 'HEAD'), {
    path: ['body'],
    error: 'can not be sent with GET or HEAD',
  })

export type HttpPayload = z.output<typeof httpPayload>

export const httpDefinition = {
  name: 'http',
  version: '1',
  description:
    'Calls an HTTP endpoint that the node allows. A status that is not expected is a failed attempt.',
  payload: httpPayload,
  result: z.object({
    status: z.number().int(),
    url: z.string().describe('Where the answer is from, after redirects.'),
    headers: z
      .record(z.string(), z.union([z.string(), z.array(z.string())]))
      .describe('By name in lower case.'),
    body: z.json().describe('What was JSON as such, text as text, all else in base64.'),
    encoding: z.enum(['json', 'text', 'base64']).describe('How `body` tells it.'),
    truncated: z.boolean().describe('True when the body was longer than the node keeps; then it is no JSON.'),
  }),
}
