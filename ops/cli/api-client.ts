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
  /** Server-sent events as they come, until the gateway ends the stream. @throws as `call`; passing when the stream breaks */
  events(
    path: string,
    options?: { query?: Query; lastId?: string },
  ): AsyncGenerator<ServerEvent, void, undefined>
  /** A download, piece by piece. @throws as `call`; passing when it breaks */
  download(path: string): AsyncGenerator<Uint8Array, void, undefined>
  /** A list's items, page by page. */
  pages<T>(path: string, query?: Query): AsyncGenerator<T[], void, undefined>
}

export interface ServerEvent {
  id: string | undefined
  name: string
  data: string
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

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
  /** In place of the timeout. */
  signal?: AbortSignal
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
    const first = await requestAs(method, path, options)
    let { response } = first
    const patienceMs = Number(response.headers.get('Retry-After') ?? 1) * 1000
    if (isRepeatable && patienceStatuses.has(response.status) && patienceMs <= longestPatienceMs) {
      await response.body?.cancel()
      await sleep(patienceMs)
      response = await request(method, path, first.bearer, options)
    }
    return readAnswer<T>(response)
  }

  /** With the token that is at hand, or a new one when that is not accepted any more. */
  async function requestAs(
    method: Method,
    path: string,
    options: CallOptions,
  ): Promise<{ response: Response; bearer: string | undefined }> {
    const bearer = await token?.({ isRefused: false })
    const response = await request(method, path, bearer, options)
    if (response.status !== 401 || !token) return { response, bearer }
    const fresh = await token({ isRefused: true })
    if (fresh === bearer) return { response, bearer }
    await response.body?.cancel()
    return { response: await request(method, path, fresh, options), bearer: fresh }
  }

  async function request(
    method: Method,
    path: string,
    bearer: string | undefined,
    options: CallOptions,
  ): Promise<Response> {
    const { query = {}, body, headers, timeoutMs = 30_000, signal = AbortSignal.timeout(timeoutMs) } = options
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
        signal,
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
    async *events(path, { query = {}, lastId } = {}) {
      const silence = new AbortController()
      const onSilence = (): void => silence.abort(new DOMException('The gateway is silent.', 'TimeoutError'))
      const timer = setTimeout(onSilence, silentMs)
      try {
        const { response } = await requestAs('GET', path, {
          query,
          headers: { Accept: 'text/event-stream', ...(lastId !== undefined && { 'Last-Event-ID': lastId }) },
          timeoutMs: silentMs,
          signal: silence.signal,
        })
        if (!response.ok || !response.body) await readAnswer(response)
        else yield* readEvents(response.body, () => timer.refresh())
      } catch (error) {
        throw error instanceof CliError ? error : noAnswer(url, error, silentMs)
      } finally {
        clearTimeout(timer)
        silence.abort() // whoever stops reading early leaves the connection open
      }
    },
    async *download(path) {
      const silence = new AbortController()
      const onSilence = (): void => silence.abort(new DOMException('The gateway is silent.', 'TimeoutError'))
      const timer = setTimeout(onSilence, silentMs)
      try {
        const { response } = await requestAs('GET', path, { timeoutMs: silentMs, signal: silence.signal })
        if (!response.ok || !response.body) {
          await readAnswer(response)
          return
        }
        for await (const piece of response.body as ReadableStream<Uint8Array>) {
          timer.refresh()
          yield piece
        }
      } catch (error) {
        throw error instanceof CliError ? error : noAnswer(url, error, silentMs)
      } finally {
        clearTimeout(timer)
        silence.abort()
      }
    },
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

/** The gateway says something every 15 s. */
const silentMs = 45_000

/** As WHATWG HTML, 9.2.6, has it; the gateway ends lines with LF. `onSign` hears of each sign of life. */
async function* readEvents(
  body: ReadableStream<Uint8Array>,
  onSign: () => void,
): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder()
  let open = ''
  for await (const piece of body) {
    onSign()
    const blocks = (open + decoder.decode(piece, { stream: true })).split('\n\n')
    open = blocks.pop() ?? ''
    for (const block of blocks) {
      const event: ServerEvent = { id: undefined, name: 'message', data: '' }
      for (const line of block.split('\n')) {
        if (line.startsWith('id: ')) event.id = line.slice(4)
        else if (line.startsWith('event: ')) event.name = line.slice(7)
        else if (line.startsWith('data: ')) event.data += line.slice(6)
      }
      if (event.data !== '') yield event
    }
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
