/** What a caller can do about an error; each edge (HTTP, gRPC, CLI) maps a kind once. */
export type ErrorKind =
  | 'not-found'
  | 'conflict'
  | 'invalid'
  | 'impossible'
  | 'denied'
  | 'unauthenticated'
  | 'limited'
  | 'unavailable'

/** Every error that a caller can act on. docs/errors.md is held against this table by a test. */
export const errorCodes = {
  JOB_NOT_FOUND: { kind: 'not-found', title: 'No such job' },
  JOB_ALREADY_FINISHED: { kind: 'conflict', title: 'The job has ended' },
  JOB_NOT_FINISHED: { kind: 'conflict', title: 'The job has not ended' },
  NO_TIER_FITS: { kind: 'impossible', title: 'No tier is large enough' },
  TASK_UNKNOWN: { kind: 'impossible', title: 'No node offers this task' },
  PAYLOAD_MISFIT: { kind: 'impossible', title: "The payload does not fit the task's schema" },
  NOT_YET_SUPPORTED: { kind: 'impossible', title: 'Not part of this version' },
  IDEMPOTENCY_KEY_REUSED: { kind: 'impossible', title: 'The idempotency key belongs to another request' },
  TIER_NOT_FOUND: { kind: 'not-found', title: 'No such tier' },
  NODE_NOT_FOUND: { kind: 'not-found', title: 'No such node' },
  TASK_NOT_FOUND: { kind: 'not-found', title: 'No such task' },
  USER_NOT_FOUND: { kind: 'not-found', title: 'No such user' },
  USERNAME_TAKEN: { kind: 'conflict', title: 'The user name is taken' },
  LAST_ADMIN: { kind: 'conflict', title: 'The last admin must stay' },
  BAD_CREDENTIALS: { kind: 'unauthenticated', title: 'Wrong user name or password' },
  BAD_REFRESH_TOKEN: { kind: 'unauthenticated', title: 'The refresh token is not valid' },
  BAD_TOKEN: { kind: 'unauthenticated', title: 'The access token is not valid' },
  NOT_PERMITTED: { kind: 'denied', title: 'Not permitted' },
  INVALID_REQUEST: { kind: 'invalid', title: 'The request is not valid' },
  TOO_MANY: { kind: 'limited', title: 'Too many requests' },
  POSTGRES_UNAVAILABLE: { kind: 'unavailable', title: 'Postgres is unavailable' },
  REDIS_UNAVAILABLE: { kind: 'unavailable', title: 'Redis is unavailable' },
  OVERLOADED: { kind: 'unavailable', title: 'Overloaded' },
} as const satisfies Record<string, { kind: ErrorKind; title: string }>

export type ErrorCode = keyof typeof errorCodes

/** A field that is wrong: `path` as in `jobs.3.priority`, empty for the whole. */
export interface FieldError {
  path: string
  message: string
}

export interface QueueErrorDetails {
  fields?: FieldError[]
  /** After how many seconds to try again, for kinds limited and unavailable. */
  retryAfterSeconds?: number
  cause?: unknown
}

/** An error that a caller can act on. The message is a sentence that names the thing and the way out, and holds no secret. */
export class QueueError extends Error {
  readonly code: ErrorCode
  readonly kind: ErrorKind
  readonly fields: FieldError[]
  readonly retryAfterSeconds: number | undefined

  constructor(code: ErrorCode, message: string, details: QueueErrorDetails = {}) {
    super(message, { cause: details.cause })
    this.name = 'QueueError'
    this.code = code
    this.kind = errorCodes[code].kind
    this.fields = details.fields ?? []
    this.retryAfterSeconds = details.retryAfterSeconds
  }
}
