import type { FieldError, Problem } from './contract.ts'

/** What `code` is where no answer of the gateway came. */
export type ConnectionCode = 'network' | 'timeout' | 'not-noodle'

/** Statuses that pass: the same request may be served later. */
const passingStatuses = new Set([429, 502, 503, 504])

/** A call that did not succeed: the gateway refused it, in its own words, or none answered. The message is a sentence for people. */
export class NoodleError extends Error {
  /** What programs go by: a code of docs/errors.md such as `job-not-found`, `http-413` for what has none, or a ConnectionCode. */
  readonly code: string
  /** HTTP's; undefined where no answer came. */
  readonly status: number | undefined
  /** The problem's `type` (RFC 9457). */
  readonly type: string | undefined
  /** The fields that are wrong. */
  readonly errors: readonly FieldError[]
  /** Stands on each line that the gateway logged of the request. */
  readonly requestId: string | undefined
  /** After how many ms the gateway wants to be asked again. */
  readonly retryAfterMs: number | undefined
  /** Whether the same may succeed later. */
  readonly isPassing: boolean

  constructor(message: string, details: ErrorDetails) {
    super(message, { cause: details.cause })
    this.name = 'NoodleError'
    this.code = details.code
    this.status = details.status
    this.type = details.type
    this.errors = details.errors ?? []
    this.requestId = details.requestId
    this.retryAfterMs = details.retryAfterMs
    this.isPassing = details.isPassing
  }
}

export interface ErrorDetails {
  code: string
  isPassing: boolean
  status?: number | undefined
  type?: string | undefined
  errors?: readonly FieldError[] | undefined
  requestId?: string | undefined
  retryAfterMs?: number | undefined
  cause?: unknown
}

/** No answer came, or none that can be read. */
export function connectionError(code: ConnectionCode, message: string, cause?: unknown): NoodleError {
  return new NoodleError(message, { code, isPassing: code !== 'not-noodle', cause })
}

const codePrefix = 'urn:noodle:error:'

/** Reads a refusal; what stands between may answer without a problem document. */
export async function readRefusal(response: Response): Promise<NoodleError> {
  const problem = await readProblem(response)
  const { status } = response
  const { type } = problem
  return new NoodleError(problem.detail ?? problem.title ?? `The gateway answered ${String(status)}.`, {
    code: type?.startsWith(codePrefix) ? type.slice(codePrefix.length) : `http-${String(status)}`,
    isPassing: passingStatuses.has(status),
    status,
    type,
    errors: problem.errors,
    requestId: problem.requestId ?? response.headers.get('X-Request-Id') ?? undefined,
    retryAfterMs: readRetryAfter(response.headers.get('Retry-After')),
  })
}

async function readProblem(response: Response): Promise<Partial<Problem>> {
  const text = await response.text()
  if (!/json/.test(response.headers.get('Content-Type') ?? '')) return {}
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null ? parsed : {}
  } catch {
    return {}
  }
}

/** Seconds, or a date (RFC 9110, 10.2.3); undefined for anything else. */
export function readRetryAfter(header: string | null, nowMs = Date.now()): number | undefined {
  if (header === null) return undefined
  if (/^\s*\d{1,9}\s*$/.test(header)) return Number(header) * 1000
  const atMs = header.endsWith('GMT') ? Date.parse(header) : NaN
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs)
}
