import { errorCodes, QueueError, type ErrorKind, type FieldError } from '../../queue/domain/errors.ts'

/** A refusal that belongs to HTTP itself, where no QueueError code fits: 404 of a route, 405, 413, 415. */
export class HttpProblem extends Error {
  readonly status: number
  readonly fields: FieldError[]
  readonly headers: Record<string, string>

  constructor(
    status: number,
    detail: string,
    options: { fields?: FieldError[]; headers?: Record<string, string> } = {},
  ) {
    super(detail)
    this.name = 'HttpProblem'
    this.status = status
    this.fields = options.fields ?? []
    this.headers = options.headers ?? {}
  }
}

/** RFC 9457, with the request's id and the fields that are wrong. */
export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  instance: string
  requestId: string
  errors?: FieldError[]
}

/** How HTTP tells each kind of error. */
export const statusOfKind: Record<ErrorKind, number> = {
  invalid: 400,
  unauthenticated: 401,
  denied: 403,
  'not-found': 404,
  conflict: 409,
  impossible: 422,
  limited: 429,
  unavailable: 503,
}

const titles: Record<number, string> = {
  400: 'The request is not valid',
  404: 'No such page',
  405: 'Method not allowed',
  406: 'Not acceptable',
  408: 'The request took too long',
  413: 'Too large',
  415: 'Media type not supported',
  416: 'Range not satisfiable',
  431: 'Headers too large',
  500: 'A fault in Noodle',
}

/**
 * What a client is told of an error; a bug is told as 500 without its details.
 * `type` of a coded error names its code; docs/errors.md says what to do about each.
 */
export function toProblem(
  error: unknown,
  request: { path: string; requestId: string },
): { problem: Problem; headers: Record<string, string> } {
  const common = { instance: request.path, requestId: request.requestId }
  if (error instanceof QueueError) {
    const status = statusOfKind[error.kind]
    const wait = error.retryAfterSeconds ?? (error.kind === 'unavailable' ? 2 : undefined)
    return {
      problem: {
        type: `urn:noodle:error:${error.code.toLowerCase().replaceAll('_', '-')}`,
        title: errorCodes[error.code].title,
        status,
        detail: error.message,
        ...common,
        ...(error.fields.length > 0 && { errors: error.fields }),
      },
      headers: {
        ...(wait !== undefined && { 'Retry-After': String(Math.max(1, Math.ceil(wait))) }),
        ...(status === 401 && { 'WWW-Authenticate': 'Bearer realm="noodle"' }),
      },
    }
  }
  const http = error instanceof HttpProblem ? error : undefined
  const status = http?.status ?? 500
  const detail =
    http?.message ??
    `A fault in Noodle itself, not in your request; tell its operator the request id ${request.requestId}.`
  return {
    problem: {
      type: 'about:blank',
      title: titles[status] ?? 'Error',
      status,
      detail,
      ...common,
      ...(http && http.fields.length > 0 && { errors: http.fields }),
    },
    headers: http?.headers ?? {},
  }
}
