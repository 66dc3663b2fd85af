import { setTimeout as sleep } from 'node:timers/promises'
import type { TokenSource } from '../../client/src/credentials.ts'
import { makeEventParser, type ServerEvent } from '../../client/src/event-stream.ts'
import { NoodleError } from '../../client/src/noodle-error.ts'
import { toRetryPolicy } from '../../client/src/retry.ts'
import { type Call, makeTransport, type Query } from '../../client/src/transport.ts'
import type { FieldError } from '../../queue/domain/errors.ts'
import { CliError } from './cli-error.ts'

/** The client's way to the gateway, as a person at a prompt wants it: what does not answer is told at once, in the words of the command line. */
export interface ApiClient {
  /** Of the gateway. */
  readonly url: string
  /**
   * Answers with the JSON body; undefined when there is none.
   * @throws ApiError for a refusal, CliError when no answer came
   */
  call<T>(method: Call['method'], path: string, options?: CallOptions): Promise<T>
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

export interface CallOptions {
  query?: Query
  /** JSON text, or what `contentType` says. */
  body?: string
  contentType?: string
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

/** A refusal in the gateway's own words (RFC 9457). The message is its sentence. */
export class ApiError extends CliError {
  readonly status: number
  readonly requestId: string | undefined
  readonly fields: readonly FieldError[]

  constructor(status: number, { message, isPassing, requestId, errors }: NoodleError) {
    super(message, { isPassing })
    this.name = 'ApiError'
    this.status = status
    this.requestId = requestId
    this.fields = errors
  }
}

const usualTimeoutMs = 30_000
/** The gateway says something every 15 s. */
const silentMs = 45_000
/** The gateway asks for patience with these. */
const patienceStatuses = new Set<number | undefined>([429, 503])
const usualPatienceMs = 1000
/** Who must wait longer than this is told so instead. */
const longestPatienceMs = 15_000

export function makeApiClient(url: string, token?: TokenSource): ApiClient {
  const transport = makeTransport({
    ...{ url, token, fetch: (to, init) => fetch(to, init), timeoutMs: usualTimeoutMs },
    retry: toRetryPolicy({ forMs: 0 }),
  })

  /** What an answer brings that is read as it comes. */
  async function* read(path: string, call: Partial<Call> = {}): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      const { response, deadline } = await transport.open({
        method: 'GET',
        path,
        timeoutMs: silentMs,
        ...call,
      })
      const reader = response.body?.getReader()
      try {
        for (let piece = await reader?.read(); piece && !piece.done; piece = await reader?.read()) {
          deadline.renew()
          yield piece.value
        }
      } catch (error) {
        throw transport.explain(error, deadline, undefined)
      } finally {
        deadline.clear()
        await reader?.cancel().catch(() => undefined) // whoever stops reading early leaves the connection open
      }
    } catch (error) {
      throw toCliError(url, error, silentMs)
    }
  }

  return {
    url,
    async call<T>(method: Call['method'], path: string, options: CallOptions = {}) {
      const { isRepeatable = method === 'GET', timeoutMs = usualTimeoutMs } = options
      const send = (): Promise<T> => transport.json<T>({ method, path, ...options, isRepeatable: false })
      try {
        return await send().catch(async (error: unknown) => {
          if (!(error instanceof NoodleError) || !isRepeatable || !patienceStatuses.has(error.status))
            throw error
          const { retryAfterMs = usualPatienceMs } = error
          if (retryAfterMs > longestPatienceMs) throw error
          await sleep(retryAfterMs)
          return send()
        })
      } catch (error) {
        throw toCliError(url, error, timeoutMs)
      }
    },
    async *events(path, { query = {}, lastId } = {}) {
      const parser = makeEventParser(lastId)
      const headers = {
        Accept: 'text/event-stream',
        ...(lastId !== undefined && { 'Last-Event-ID': lastId }),
      }
      for await (const piece of read(path, { query, headers })) yield* parser.push(piece)
    },
    download: (path) => read(path),
    async *pages<T>(path: string, query: Query = {}) {
      let cursor: string | undefined
      do {
        const page: Page<T> = await this.call<Page<T>>('GET', path, {
          query: { limit: 200, ...query, cursor },
        })
        yield page.items
        cursor = page.nextCursor ?? undefined
      } while (cursor !== undefined)
    },
  }
}

/** What flies on is a bug, or what the token's source has to say. */
function toCliError(url: string, error: unknown, timeoutMs: number): unknown {
  if (!(error instanceof NoodleError)) return error
  if (error.cause instanceof CliError) return error.cause // of the login that followed a refused token
  if (error.status !== undefined) return new ApiError(error.status, error)
  if (error.code === 'not-noodle')
    return new CliError(`What answers at ${url} is not Noodle's gateway; check NOODLE_URL.`)
  const options = { cause: error, isPassing: true }
  if (error.code === 'timeout')
    return new CliError(`The gateway at ${url} did not answer within ${String(timeoutMs / 1000)} s.`, options)
  return new CliError(
    `No gateway answers at ${url} (${reasonOf(error.cause)}). Start the platform with npm start, or set NOODLE_URL to one that runs.`,
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
