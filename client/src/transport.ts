import { type CredentialOptions, makeCredentials } from './credentials.ts'
import type { Tokens } from './contract.ts'
import { type Deadline, startDeadline } from './deadline.ts'
import { connectionError, NoodleError, readRefusal } from './noodle-error.ts'
import { type RetryPolicy, startPatience } from './retry.ts'

export type Query = Record<string, string | number | boolean | readonly string[] | undefined>

export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** From the root of the gateway, parts of it encoded. */
  path: string
  query?: Query
  /** Sent as JSON; a text is sent as it is, as `contentType`. */
  body?: unknown
  contentType?: string
  headers?: Record<string, string>
  signal?: AbortSignal | undefined
  /** Of one try. Default that of the client. */
  timeoutMs?: number
  /**
   * Whether doing it twice does what once does. By default all but POST; what is not repeatable is sent again only after a 429, which says that nothing was
   * done. DELETE that finds nothing when it is repeated has done its work before.
   */
  isRepeatable?: boolean
  /** Statuses that answer too, besides those of success. */
  accepts?: readonly number[]
  /** Without a token. */
  isAnonymous?: boolean
}

export interface Transport {
  /** The JSON of the answer; undefined when there is none. @throws NoodleError */
  json<T>(call: Call): Promise<T>
  /** An answer whose body is read as it comes. Its `deadline` goes on, is to be renewed with each piece, and cleared. @throws NoodleError */
  open(call: Call): Promise<{ response: Response; deadline: Deadline }>
  /** What an error of `fetch`, or of a body, means to the caller: a NoodleError to throw. @throws the caller's own reason when its signal aborted */
  explain(error: unknown, deadline: Deadline, signal: AbortSignal | undefined): NoodleError
  takeRefreshToken(): string | undefined
  retry: RetryPolicy
}

/** What is used of `fetch`. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

export interface TransportOptions extends CredentialOptions {
  url: string
  fetch: Fetch
  retry: RetryPolicy
  timeoutMs: number
}

export function makeTransport(options: TransportOptions): Transport {
  const { retry } = options
  const root = rootOf(options.url)
  const ask = (path: string, body: object, isRepeatable: boolean): Promise<Tokens> =>
    json<Tokens>({ method: 'POST', path, body, isAnonymous: true, isRepeatable })
  const credentials = makeCredentials(options, {
    logIn: (username, password) => ask('/v1/auth/token', { username, password }, true),
    refresh: (refreshToken) => ask('/v1/auth/refresh', { refreshToken }, false),
  })

  /** One try, with another token where the first is not accepted any more. */
  async function attempt<T>(call: Call, request: Request, read: Read<T>): Promise<T> {
    const { signal } = call
    const bearer = call.isAnonymous ? undefined : await credentials.bearer(signal)
    const first = withBearer(request.init, bearer)
    const deadline = startDeadline(call.timeoutMs ?? options.timeoutMs, signal)
    const send = (init: RequestInit): Promise<Response> =>
      options.fetch(request.url, { ...init, signal: deadline.signal })
    try {
      let response = await send(first)
      if (response.status === 401 && bearer !== undefined) {
        const refusal = await readRefusal(response)
        const fresh = await credentials.renew(bearer, signal)
        if (fresh === bearer) throw refusal
        deadline.renew()
        response = await send(withBearer(request.init, fresh))
      }
      if (!response.ok && !call.accepts?.includes(response.status)) throw await readRefusal(response)
      return await read(response, deadline)
    } catch (error) {
      deadline.clear()
      throw explain(error, deadline, signal)
    }
  }

  /** Tries until the answer is there, or there is no sense in it. */
  async function persist<T>(call: Call, read: Read<T>): Promise<T | undefined> {
    const { method, signal, isRepeatable = method !== 'POST' } = call
    signal?.throwIfAborted()
    const request = toRequest(root, call)
    const patience = startPatience(retry, signal)
    let mayBeDone = false
    for (;;) {
      try {
        return await attempt(call, request, read)
      } catch (error) {
        if (!(error instanceof NoodleError)) throw error
        if (mayBeDone && method === 'DELETE' && error.status === 404) return undefined
        if (!isRepeatable && error.status !== 429) throw error
        await patience.pause(error)
        mayBeDone ||= error.status !== 429
      }
    }
  }

  function explain(error: unknown, deadline: Deadline, signal: AbortSignal | undefined): NoodleError {
    if (signal?.aborted) throw signal.reason
    if (error instanceof NoodleError) return error
    if (deadline.isOver())
      return connectionError('timeout', `The gateway at ${root} did not answer in time.`, error)
    return connectionError(
      'network',
      `No answer came from the gateway at ${root} (${reasonOf(error)}).`,
      error,
    )
  }

  async function json<T>(call: Call): Promise<T> {
    const answer = await persist(call, async (response, deadline) => {
      const text = await response.text()
      deadline.clear()
      return text === '' ? undefined : parse(text, response)
    })
    return answer as T
  }

  function parse(text: string, response: Response): unknown {
    if (/json/.test(response.headers.get('Content-Type') ?? '')) return JSON.parse(text)
    throw connectionError('not-noodle', `What answers at ${root} is not Noodle's gateway; check the URL.`)
  }

  return {
    json,
    async open(call) {
      const opened = await persist(call, (response, deadline) => Promise.resolve({ response, deadline }))
      if (!opened) throw new Error(`${call.method} opens nothing.`)
      return opened
    },
    explain,
    takeRefreshToken: () => credentials.takeRefreshToken(),
    retry,
  }
}

type Read<T> = (response: Response, deadline: Deadline) => Promise<T>

interface Request {
  url: string
  init: RequestInit & { headers: Headers }
}

/** What does not change from try to try. @throws TypeError for what can't be sent: no network is to blame for it, and no second try helps */
function toRequest(root: string, call: Call): Request {
  const { method, path, query = {}, body, contentType = 'application/json' } = call
  const headers = new Headers({ Accept: 'application/json', ...call.headers })
  if (body !== undefined) headers.set('Content-Type', contentType)
  return {
    url: urlOf(root, path, query),
    init: {
      method,
      headers,
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    },
  }
}

function withBearer(init: Request['init'], bearer: string | undefined): RequestInit {
  const headers = new Headers(init.headers)
  if (bearer !== undefined) headers.set('Authorization', `Bearer ${bearer}`)
  return { ...init, headers }
}

/** Without the slash at its end; the gateway may be below a path. @throws TypeError */
function rootOf(url: string): string {
  const { protocol, origin, pathname } = new URL(url)
  if (protocol !== 'http:' && protocol !== 'https:')
    throw new TypeError(`The URL of the gateway must begin with http:// or https://; it is ${url}.`)
  return `${origin}${pathname}`.replace(/\/+$/, '')
}

function urlOf(root: string, path: string, query: Query): string {
  const pairs = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue
    if (typeof value === 'object') for (const one of value) pairs.append(name, one)
    else pairs.append(name, String(value))
  }
  return `${root}${path}${pairs.size > 0 ? '?' : ''}${pairs.toString()}`
}

/** fetch says only that it failed; Node tells why in the cause, and there, for names with several addresses, in the first of several. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  const first: unknown = cause instanceof AggregateError ? cause.errors[0] : cause
  return first instanceof Error && first.message !== '' ? first.message : String(first)
}
