import type { Timestamp__Output } from '../../../proto/generated/google/protobuf/Timestamp.ts'
import type { Value__Output } from '../../../proto/generated/google/protobuf/Value.ts'
import type { Cursor } from '../../../proto/wire-reader.ts'
import { QueueError } from '../../../queue/domain/errors.ts'
import type { Json } from '../../../queue/domain/job.ts'
import { bodyLimits, parseStrictJson } from '../../contract/strict-json.ts'
import { jobTooLarge } from '../../submission/accept-round.ts'
import type { SubmissionMessage } from './submission-reader.ts'
import { valueToJson } from './value-to-json.ts'

/** One level less than a body, in which a payload is a member. */
const payloadLimits = { ...bodyLimits, maxDepth: bodyLimits.maxDepth - 1 }

/**
 * A submission as the body of `POST /v1/jobs`, with `idempotencyKey` where it has one: the same shapes judge it, and the same key means the same job whichever way it came.
 * @throws INVALID_REQUEST
 */
export function readSubmission(message: SubmissionMessage, limitBytes: number): Record<string, unknown> {
  const { resources, retry, cache } = message
  const json: Record<string, unknown> = { task: message.task }
  const put = (name: string, value: unknown): void => {
    if (value !== undefined) json[name] = value
  }
  put('payload', readPayload(message, limitBytes))
  put('requirement', wordOf(message.requirement, 'REQUIREMENT_'))
  if (resources)
    put('resources', present({ ...resources, memoryMb: numberOf(resources.memoryMb) }, resourceNames))
  put('priority', message.priority)
  put('runAt', readInstant(message.runAt, 'runAt'))
  put('delayMs', numberOf(message.delayMs))
  put('timeoutMs', numberOf(message.timeoutMs))
  put('expiresAt', readInstant(message.expiresAt, 'expiresAt'))
  if (retry)
    put(
      'retry',
      present(
        {
          ...retry,
          backoffMs: numberOf(retry.backoffMs),
          strategy: wordOf(retry.strategy, 'RETRY_STRATEGY_'),
        },
        retryNames,
      ),
    )
  if (hasAny(message.labels)) json['labels'] = message.labels
  if (cache) json['cache'] = { ttlSeconds: numberOf(cache.ttlSeconds) }
  put('idempotencyKey', message.idempotencyKey)
  return json
}

const resourceNames = ['cpu', 'memoryMb', 'gpu'] as const
const retryNames = ['maxAttempts', 'backoffMs', 'strategy', 'escalateTier'] as const

/** As Object.keys, without them. */
function hasAny(members: object): boolean {
  for (const _ in members) return true
  return false
}

/** Undefined when there is none. @throws INVALID_REQUEST */
export function readPayload(
  message: {
    payloadJson?: Buffer | Cursor
    payload?: Value__Output | null
    input?: 'payloadJson' | 'payload'
  },
  limitBytes: number,
): Json | undefined {
  // A value of protobuf takes about as much as JSON, and no message is larger than its own limit.
  if (message.payload) return valueToJson(message.payload, payloadLimits)
  if (!message.payloadJson) return undefined
  const piece = pieceOf(message.payloadJson)
  if (piece.end - piece.at > limitBytes) throw jobTooLarge(limitBytes)
  try {
    return parseStrictJson(piece.bytes, payloadLimits, piece) as Json
  } catch (error) {
    throw error instanceof QueueError ? belowPayload(error) : error
  }
}

const pieceOf = (json: Buffer | Cursor): Cursor =>
  'bytes' in json ? json : { bytes: json, at: 0, end: json.length }

function belowPayload(error: QueueError): QueueError {
  const fields = error.fields.map(({ path, message }) => ({
    path: path === '' ? 'payload' : `payload.${path}`,
    message,
  }))
  const [first] = fields
  return new QueueError(error.code, first ? `${first.path} ${first.message}.` : error.message, {
    fields,
    cause: error,
  })
}

/** `REQUIREMENT_LIGHT` is `light`; undefined when it is not specified. A number that no name belongs to stays, for the shapes to refuse. */
export function wordOf(value: string | number, prefix: string): string | number | undefined {
  if (typeof value === 'number') return value
  return value.endsWith('_UNSPECIFIED') ? undefined : value.slice(prefix.length).toLowerCase()
}

/** 64-bit integers come as text. */
const numberOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Number(text)

/** A time as the shapes take it. @throws INVALID_REQUEST for one that no calendar has */
export function readInstant(timestamp: Timestamp__Output | null, path: string): string | undefined {
  if (!timestamp) return undefined
  const at = new Date(Number(timestamp.seconds) * 1000 + Math.floor(timestamp.nanos / 1_000_000))
  if (!Number.isNaN(at.getTime()) && at.getUTCFullYear() >= 0 && at.getUTCFullYear() <= 9999)
    return at.toISOString()
  throw new QueueError('INVALID_REQUEST', `${path} is not a time between the years 0 and 9999.`, {
    fields: [{ path, message: 'must be a time between the years 0 and 9999' }],
  })
}

/** The named fields that are there. */
function present<T extends object>(from: T, names: readonly (keyof T)[]): Partial<T> {
  const found: Partial<T> = {}
  for (const name of names) if (from[name] !== undefined) found[name] = from[name]
  return found
}
