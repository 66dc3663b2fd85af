import { performance } from 'node:perf_hooks'
import { makeCheckedConnect, type Lookup, PlaceNotPermitted } from '../../core/checked-connect.ts'
import { makeNetworkPolicy, parseNetworkRule } from '../../core/network-rules.ts'
import { version } from '../../core/version.ts'
import { httpDefinition, type HttpPayload, httpPayload } from '../../queue/domain/http-task.ts'
import type { ClaimedJob, Json } from '../../queue/domain/job.ts'
import { toOffer } from '../../queue/use-cases/catalogue.ts'
import { PermanentFailure, type Task, TaskFailure } from '../task.ts'
import { showBody, tellBody } from './http-body.ts'
import { acceptedEncodings, callHttp, type HttpCall, readBody, RedirectRefused } from './http-call.ts'
import { readPayload } from './read-payload.ts'

export interface HttpTaskOptions {
  /** TASK_HTTP_ALLOW. */
  allow: readonly string[]
  /** How much of a body is kept. */
  bodyBytes: number
  /** As the system resolves names, by default. */
  lookup?: Lookup
}

const defaultTimeoutMs = 30_000
const defaultRedirects = 5
const defaultExpect: readonly (string | number)[] = ['2xx']
const defaultRetryOn: readonly (string | number)[] = [408, 425, 429, '5xx']

/** How much of an unexpected answer goes into the message of the failure. */
const shownChars = 500

/**
 * Calls HTTP endpoints from within the worker: it waits more than it works, and keeps no more of an answer than `bodyBytes`. Where to is the business of
 * the allow list, at every redirect and for every address that a name has.
 */
export function makeHttpTask({ allow, bodyBytes, lookup }: HttpTaskOptions): Task {
  const connect = makeCheckedConnect(makeNetworkPolicy(allow.map(parseNetworkRule)), lookup)

  return {
    offer: toOffer(httpDefinition),
    async run({ job, signal, log }) {
      const payload = readPayload('http', httpPayload, job.payload)
      const call = toCall(payload, job)
      const timeoutMs = payload.timeoutMs ?? defaultTimeoutMs
      const late = new AbortController()
      const timer = setTimeout(() => late.abort(), timeoutMs)
      const startedMs = performance.now()
      try {
        const { answer, url } = await callHttp(call, {
          connect,
          redirects: payload.redirects ?? defaultRedirects,
          signal: AbortSignal.any([signal, late.signal]),
          onAnswer({ method, url: asked }, status) {
            const spentMs = Math.round(performance.now() - startedMs)
            log.tell(`${method} ${shown(asked)}: ${String(status)}, ${String(spentMs)} ms`)
          },
        })
        const status = answer.statusCode ?? 0
        const { bytes, isCut } = await readBody(answer, bodyBytes)
        const told = tellBody(bytes, answer.headers['content-type'], isCut)
        const { expect = defaultExpect, retryOn = defaultRetryOn } = payload
        if (isOneOf(expect, status))
          return { status, url: url.href, headers: headersOf(answer.headers), ...told, truncated: isCut }
        const wait = answer.headers['retry-after']
        const Failure = isOneOf(retryOn, status) ? TaskFailure : PermanentFailure
        throw new Failure(
          'HTTP_STATUS',
          [
            `${call.method} ${shown(url)} answered ${String(status)} ${answer.statusMessage ?? ''}`.trimEnd(),
            ...(wait === undefined ? [] : [`, Retry-After ${wait.slice(0, 100)}`]),
            ...[showBody(told, shownChars)].map((text) => (text ? `: ${text}` : '.')),
          ].join(''),
        )
      } catch (error) {
        if (signal.aborted || error instanceof TaskFailure) throw error
        if (late.signal.aborted)
          throw new TaskFailure(
            'HTTP_FAILED',
            `${call.method} ${shown(call.url)} took longer than the ${String(timeoutMs)} ms of its timeoutMs.`,
          )
        throw failureOf(call, error)
      } finally {
        clearTimeout(timer)
        late.abort() // what is left of connections
      }
    },
  }
}

/** The request that a payload means, with the marks of the run: an endpoint that keeps them does the same thing once, however often it is asked. */
function toCall(payload: HttpPayload, job: Pick<ClaimedJob, 'id' | 'attempt' | 'fence'>): HttpCall {
  const { body } = payload
  const method = payload.method ?? (body === undefined ? 'GET' : 'POST')
  const own = Object.fromEntries(
    Object.entries(payload.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  )
  return {
    method,
    url: new URL(payload.url),
    headers: {
      accept: '*/*',
      'user-agent': `noodle/${version}`,
      ...(body !== undefined && { 'content-type': typeOf(body) }),
      ...(!['GET', 'HEAD', 'OPTIONS'].includes(method) && { 'idempotency-key': job.id }),
      ...own,
      'accept-encoding': acceptedEncodings,
      'noodle-job-id': job.id,
      'noodle-attempt': String(job.attempt),
      'noodle-fence': String(job.fence),
    },
    body: body === undefined ? null : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  }
}

const typeOf = (body: Json): string =>
  typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json'

/** Without its query, where keys may be. */
const shown = (url: URL): string => url.origin + url.pathname

const isOneOf = (statuses: readonly (string | number)[], status: number): boolean =>
  statuses.includes(status) || statuses.includes(`${String(Math.trunc(status / 100))}xx`)

const headersOf = (headers: NodeJS.Dict<string | string[]>): Record<string, string | string[]> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )

function failureOf(call: HttpCall, error: unknown): TaskFailure {
  const what = `${call.method} ${shown(call.url)}`
  if (error instanceof PlaceNotPermitted)
    return new PermanentFailure(
      'ADDRESS_NOT_ALLOWED',
      `${what} is not allowed: ${error.message}, which is not on this node's list TASK_HTTP_ALLOW.`,
      error,
    )
  if (error instanceof RedirectRefused)
    return new PermanentFailure('HTTP_FAILED', `${what} is given up, for ${error.message}.`, error)
  return new TaskFailure('HTTP_FAILED', `${what} failed: ${reasonOf(error)}.`, error)
}

/** A connection that was tried at several addresses has an error of each, and no message. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return [...new Set(error.errors.map(reasonOf))].join(', ')
  return error instanceof Error ? error.message.replace(/\.$/, '') : String(error)
}
