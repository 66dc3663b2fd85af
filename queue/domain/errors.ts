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

/** Every error that a caller can act on, with what to do; docs/errors.md is made from it. */
export const errorCodes = {
  JOB_NOT_FOUND: {
    kind: 'not-found',
    title: 'No such job',
    remedy:
      'Check the id. Jobs of other tenants, and ended ones past `RETENTION_DAYS`, are not found either.',
  },
  JOB_ALREADY_FINISHED: {
    kind: 'conflict',
    title: 'The job has ended',
    remedy: 'Nothing is left to cancel; replay it to run it again.',
  },
  JOB_NOT_FINISHED: {
    kind: 'conflict',
    title: 'The job has not ended',
    remedy: 'Wait until it has ended, or cancel it first.',
  },
  NO_TIER_FITS: {
    kind: 'impossible',
    title: 'No tier is large enough',
    remedy:
      'Ask for no more than the largest tier has, which the message names, or configure a larger one in `TIERS`.',
  },
  TASK_UNKNOWN: {
    kind: 'impossible',
    title: 'No node offers this task',
    remedy: 'Check the name against `GET /v1/tasks`, or start a worker that offers it.',
  },
  PAYLOAD_MISFIT: {
    kind: 'impossible',
    title: "The payload does not fit the task's schema",
    remedy: "Mend the fields that are named; `GET /v1/tasks/:name` has the task's schema.",
  },
  POLICY_MISFIT: {
    kind: 'impossible',
    title: 'The scaling policy does not go together',
    remedy:
      'Change the fields that are named together: `min` is at most `max`, and the mode manual needs `replicas`.',
  },
  NO_SCALING_TARGET: {
    kind: 'conflict',
    title: 'Nobody is to act on a number of nodes now',
    remedy:
      'Keep the nodes that are there. The message says why: ops decides nothing (it runs, and `SCALING_DRIVER` is not none?), or the mode of the tier is dryRun.',
  },
  TASK_NOT_DETERMINISTIC: {
    kind: 'impossible',
    title: 'The task is not declared deterministic',
    remedy: 'Leave `cache` out, or declare the task `deterministic` where it is defined (docs/caching.md).',
  },
  NOT_YET_SUPPORTED: {
    kind: 'impossible',
    title: 'Not part of this version',
    remedy: 'Leave the field or call out; a later version brings it.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    kind: 'impossible',
    title: 'The idempotency key belongs to another request',
    remedy: 'Use a new key for another body. Keys are kept for 24 hours.',
  },
  TIER_NOT_FOUND: {
    kind: 'not-found',
    title: 'No such tier',
    remedy: 'Check the name against `GET /v1/tiers`.',
  },
  NODE_NOT_FOUND: {
    kind: 'not-found',
    title: 'No such node',
    remedy: 'Check the id against `GET /v1/nodes`; the node may have ended.',
  },
  NODE_ID_TAKEN: {
    kind: 'conflict',
    title: 'The node id belongs to another live process',
    remedy: 'Give each worker a `NODE_ID` of its own, or leave it unset.',
  },
  NODE_GIVEN_UP: {
    kind: 'conflict',
    title: 'The node was given up',
    remedy: 'Stop all jobs, for others may run them, and register a new boot (docs/remote-workers.md).',
  },
  NOT_HELD: {
    kind: 'conflict',
    title: 'The node does not hold this job',
    remedy: 'Stop it and report nothing: another one has it, or it has ended (docs/remote-workers.md).',
  },
  TASK_NOT_FOUND: {
    kind: 'not-found',
    title: 'No such task',
    remedy: 'Check the name against `GET /v1/tasks`.',
  },
  SECRET_NOT_FOUND: {
    kind: 'not-found',
    title: 'No such secret',
    remedy: 'Check the name against `GET /v1/secrets`.',
  },
  SECRETS_OFF: {
    kind: 'impossible',
    title: 'Secrets are not kept here',
    remedy: 'Operators: set `SECRETS_KEY` on the gateways and on the workers whose tasks use secrets.',
  },
  TOO_MANY_SECRETS: {
    kind: 'impossible',
    title: 'The tenant has as many secrets as it may have',
    remedy: 'Remove one that is not needed any more, or join several into one, as JSON.',
  },
  USER_NOT_FOUND: {
    kind: 'not-found',
    title: 'No such user',
    remedy: 'Check the id against `GET /v1/users`.',
  },
  BLOB_LOST: {
    kind: 'not-found',
    title: 'What was stored is gone or damaged',
    remedy:
      'It can not be read. Operators: `BLOB_DIR` must be one folder for all machines; restore the folder or the bucket.',
  },
  ARTIFACT_NOT_FOUND: {
    kind: 'not-found',
    title: 'No such artifact',
    remedy:
      'Check the name against `GET /v1/jobs/:id/artifacts`; without `attempt` it is looked for in the newest attempt that has ended.',
  },
  LINK_NOT_VALID: {
    kind: 'denied',
    title: 'The link is not valid',
    remedy:
      'Ask for the job or its artifacts again: the answer has a new link. Links are good for `BLOB_LINK_SECONDS`.',
  },
  BLOBS_UNAVAILABLE: {
    kind: 'unavailable',
    title: 'The blob store is unavailable',
    remedy:
      'Try again after `Retry-After`. What is small goes on. Operators: the message says why; docs/blobs.md.',
  },
  USERNAME_TAKEN: { kind: 'conflict', title: 'The user name is taken', remedy: 'Choose another name.' },
  LAST_ADMIN: { kind: 'conflict', title: 'The last admin must stay', remedy: 'Make another admin first.' },
  BAD_CREDENTIALS: {
    kind: 'unauthenticated',
    title: 'Wrong user name or password',
    remedy: 'Check name and password; an admin may have disabled the user.',
  },
  BAD_REFRESH_TOKEN: {
    kind: 'unauthenticated',
    title: 'The refresh token is not valid',
    remedy: 'Log in again. A refresh token is good for one use; a second use ends the whole session.',
  },
  BAD_TOKEN: {
    kind: 'unauthenticated',
    title: 'The access token is not valid',
    remedy: 'Log in again, or refresh. The token may have expired, or a change of the user ended it.',
  },
  NOT_PERMITTED: { kind: 'denied', title: 'Not permitted', remedy: 'Ask an admin for a role that may.' },
  INVALID_REQUEST: {
    kind: 'invalid',
    title: 'The request is not valid',
    remedy: 'Mend the fields that are named.',
  },
  TOO_LARGE: {
    kind: 'impossible',
    title: 'Larger than it may be',
    remedy: 'Store less, or raise the option that the message names, on gateways and workers.',
  },
  TOO_MANY: { kind: 'limited', title: 'Too many requests', remedy: 'Wait as long as `Retry-After` says.' },
  POSTGRES_UNAVAILABLE: {
    kind: 'unavailable',
    title: 'Postgres is unavailable',
    remedy: 'Try again after `Retry-After`. Operators: `noodle doctor`.',
  },
  REDIS_UNAVAILABLE: {
    kind: 'unavailable',
    title: 'Redis is unavailable',
    remedy: 'Try again after `Retry-After`. Operators: `noodle doctor`.',
  },
  GATEWAY_UNAVAILABLE: {
    kind: 'unavailable',
    title: 'No gateway answers the worker',
    remedy: 'The worker goes on trying. Operators: check `MASTER_HOST`, and that a gateway listens there.',
  },
  OVERLOADED: {
    kind: 'unavailable',
    title: 'Overloaded',
    remedy: 'Try again after `Retry-After`, with pauses that grow.',
  },
} as const satisfies Record<string, { kind: ErrorKind; title: string; remedy: string }>

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
