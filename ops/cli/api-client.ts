import { setTimeout as sleep } from 'node:timers/promises'
import type { FieldError } from '../../queue/domain/errors.ts'
import { CliError } from './cli-error.ts'

export interface ApiClient {
  /** Of the gateway. */
  readonly url: string
  /**
   * Answers with the JSON body; undefined when there is none.
   * @throws ApiError for a refusal, CliError when no answer came
   */
  call<T>(method: Method, path: string, options?: CallOptions): Promise<T>
  /** A list's items, page by page. */
  pages<T>(path: string, query?: Query): AsyncGenerator<T[], void, undefined>
}

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

export type Query = Record<string, string | number | readonly string[] | undefined>

export interface CallOptions {
  query?: Query
  /** JSON text. */
  body?: string
  headers?: Record<string, string>
  /** Default 30 s. */
  timeoutMs?: number
  /** True when doing it twice does what once does, so that it may be sent again; by default true for GET. */
  isRepeatable?: boolean
}

export interface Page<T> {
  items: T[]
  nextCursor: string | null
}

/** Where the token for a call comes from; `isRefused` tells that the last one was not accepted. Undefined calls without one. */
export type TokenSource = (last: { isRefused: boolean }) => Promise<string>

/** A refusal in the gateway's own words (RFC 9457). The message is its sentence. */
export class ApiError extends CliError {
  readonly status: number
  readonly requestId: string | undefined
  readonly fields: readonly FieldError[]

  constructor(status: number, problem: Partial<Problem>) {
    const fallback = `The gateway answered ${String(status)} and did not say why.`
    super(problem.detail ?? problem.title ?? fallback, { isPassing: passingStatuses.has(status) })
    this.name = 'ApiError'
    this.status = status
    this.requestId = problem.requestId
    this.fields = problem.errors ?? []
  }
}

interface Problem {
  title: string
  detail: string
  requestId: string
  errors: FieldError[]
}

const passingStatuses = new Set([429, 502, 503, 504])
/** The gateway asks for patience with these. */
const patienceStatuses = new Set([429, 503])
/** Who must wait longer than this is told so instead. */
const longestPatienceMs = 15_000

export function makeApiClient(url: string, token?: TokenSource): ApiClient {
  async function call<T>(method: Method, path: string, options: CallOptions = {}): Promise<T> {
    const { isRepeatable = method === 'GET' } = options
    let bearer = await token?.({ isRefused: false })
    let response = await request(method, path, bearer, options)
    if (response.status === 401 && token) {
      const fresh = await token({ isRefused: true })
      if (fresh !== bearer) {
        bearer = fresh
        await response.body?.cancel()
        response = await request(method, path, bearer, options)
      }
    }
    const patienceMs = Number(response.headers.get('Retry-After') ?? 1) * 1000
    if (isRepeatable && patienceStatuses.has(response.status) && patienceMs <= longestPatienceMs) {
      await response.body?.cancel()
      await sleep(patienceMs)
      response = await request(method, path, bearer, options)
    }
    return readAnswer<T>(response)
  }

  async function request(
    method: Method,
    path: string,
    bearer: string | undefined,
    options: CallOptions,
  ): Promise<Response> {
    const { query = {}, body, headers, timeoutMs = 30_000 } = options
    try {
      return await fetch(urlOf(url, path, query), {
        method,
        headers: {
          Accept: 'application/json',
          ...(bearer !== undefined && { Authorization: `Bearer ${bearer}` }),
          ...(body !== undefined && { 'Content-Type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body }),
        signal: AbortSignal.timeout(timeoutMs),
      })
    } catch (error) {
      throw noAnswer(url, error, timeoutMs)
    }
  }

  async function readAnswer<T>(response: Response): Promise<T> {
    const text = await response.text().catch((error: unknown) => {
      throw noAnswer(url, error, 0)
    })
    const isJson = /json/.test(response.headers.get('Content-Type') ?? '')
    const body = isJson && text ? (JSON.parse(text) as unknown) : undefined
    if (!response.ok) throw new ApiError(response.status, body ?? {})
    if (text && !isJson)
      throw new CliError(`What answers at ${url} is not Noodle's gateway; check NOODLE_URL.`)
    return body as T
  }

  return {
    url,
    call,
    async *pages<T>(path: string, query: Query = {}) {
      let cursor: string | undefined
      do {
        const page: Page<T> = await call<Page<T>>('GET', path, { query: { limit: 200, ...query, cursor } })
        yield page.items
        cursor = page.nextCursor ?? undefined
      } while (cursor !== undefined)
    },
  }
}

function urlOf(base: string, path: string, query: Query): URL {
  const url = new URL(base.replace(/\/+$/, '') + path)
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue
    for (const one of Array.isArray(value) ? value : [value]) url.searchParams.append(name, String(one))
  }
  return url
}

function noAnswer(url: string, error: unknown, timeoutMs: number): CliError {
  const options = { cause: error, isPassing: true }
  if (error instanceof Error && error.name === 'TimeoutError') {
    return new CliError(`The gateway at ${url} did not answer within ${String(timeoutMs / 1000)} s.`, options)
  }
  return new CliError(
    `No gateway answers at ${url} (${reasonOf(error)}). Start the platform with npm start, or set NOODLE_URL to one that runs.`,
    options,
  )
}

/** fetch says only that it failed; why is in its cause, and there, for names with several addresses, in the first of several. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  const first: unknown = cause instanceof AggregateError ? cause.errors[0] : cause
  const code = first instanceof Error && 'code' in first ? String(first.code) : undefined
  if (code === 'ECONNREFUSED') return 'connection refused'
  return (first instanceof Error ? first.message : undefined) ?? code ?? String(error)
}
