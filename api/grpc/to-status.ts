import { Metadata, status, type StatusObject } from '@grpc/grpc-js'
import type { PackageDefinition } from '@grpc/proto-loader'
import type { Any } from '../../proto/generated/google/protobuf/Any.ts'
import type { BadRequest } from '../../proto/generated/google/rpc/BadRequest.ts'
import type { ErrorInfo } from '../../proto/generated/google/rpc/ErrorInfo.ts'
import type { RequestInfo } from '../../proto/generated/google/rpc/RequestInfo.ts'
import type { RetryInfo } from '../../proto/generated/google/rpc/RetryInfo.ts'
import type { Status } from '../../proto/generated/google/rpc/Status.ts'
import { messageOf } from '../../proto/load-protocol.ts'
import { type ErrorKind, type FieldError, QueueError } from '../../queue/domain/errors.ts'

/** How gRPC tells each kind of error (google/rpc/code.proto). */
export const codeOfKind: Record<ErrorKind, status> = {
  invalid: status.INVALID_ARGUMENT,
  impossible: status.INVALID_ARGUMENT, // the same call can't succeed; the reason in ErrorInfo tells which it is
  unauthenticated: status.UNAUTHENTICATED,
  denied: status.PERMISSION_DENIED,
  'not-found': status.NOT_FOUND,
  conflict: status.FAILED_PRECONDITION,
  limited: status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
}

/** Details travel in a trailer, of which clients take 8 KiB by default; in base64 it grows by a third. */
const detailsBytes = 4096
const messageChars = 1000

/** A refusal that belongs to gRPC itself, where no QueueError code fits. */
export class GrpcRefusal extends Error {
  readonly code: status

  constructor(code: status, message: string) {
    super(message)
    this.name = 'GrpcRefusal'
    this.code = code
  }
}

/** What streams end with at SIGTERM. */
export const stopping = (): QueueError =>
  new QueueError('OVERLOADED', 'The gateway is stopping; call again, and another one answers.', {
    retryAfterSeconds: 1,
  })

export interface StatusMaker {
  /** `google.rpc.Status` of an error, for one item among others. */
  toRpcStatus(error: QueueError): Status
  /** What a call ends with. A bug is told as INTERNAL without its details. */
  toStatus(error: unknown, requestId: string): StatusObject
}

/** Maps errors once for all methods: a canonical code, a sentence, and `google.rpc` details in `grpc-status-details-bin`. */
export function makeStatuses(protocol: PackageDefinition): StatusMaker {
  const packer = (name: string) => (value: object) => ({
    type_url: `type.googleapis.com/google.rpc.${name}`,
    value: messageOf(protocol, `google.rpc.${name}`).serialize(value),
  })
  const packErrorInfo: (value: ErrorInfo) => Any = packer('ErrorInfo')
  const packBadRequest: (value: BadRequest) => Any = packer('BadRequest')
  const packRetryInfo: (value: RetryInfo) => Any = packer('RetryInfo')
  const packRequestInfo: (value: RequestInfo) => Any = packer('RequestInfo')
  const statusMessage = messageOf(protocol, 'google.rpc.Status')

  function toRpcStatus(error: QueueError): Status {
    const wait = error.retryAfterSeconds ?? (error.kind === 'unavailable' ? 2 : undefined)
    return {
      code: codeOfKind[error.kind],
      message: textOf(error.message),
      details: [
        packErrorInfo({ reason: error.code, domain: 'noodle' }),
        ...(error.fields.length > 0 ? [packBadRequest({ fieldViolations: violationsOf(error.fields) })] : []),
        ...(wait === undefined ? [] : [packRetryInfo({ retryDelay: toDuration(wait) })]),
      ],
    }
  }

  return {
    toRpcStatus,
    toStatus(error, requestId) {
      const { code, message, details } =
        error instanceof QueueError
          ? toRpcStatus(error)
          : error instanceof GrpcRefusal
            ? { code: error.code, message: textOf(error.message), details: [] }
            : {
                code: status.INTERNAL,
                message: `A fault in Noodle itself, not in your request; tell its operator the request id ${requestId}.`,
                details: [],
              }
      const metadata = new Metadata()
      metadata.set(
        'grpc-status-details-bin',
        statusMessage.serialize({
          code,
          message,
          details: [...(details ?? []), packRequestInfo({ requestId })],
        }),
      )
      return { code: code ?? status.INTERNAL, details: message ?? '', metadata }
    },
  }
}

/** As many as fit. */
function violationsOf(fields: readonly FieldError[]): { field: string; description: string }[] {
  let left = detailsBytes
  return fields.flatMap(({ path, message }) => {
    left -= Buffer.byteLength(path) + Buffer.byteLength(message) + 8
    return left < 0 ? [] : [{ field: path, description: message }]
  })
}

/** Whole seconds at least one, as Retry-After. */
const toDuration = (seconds: number) => ({ seconds: Math.max(1, Math.ceil(seconds)), nanos: 0 })

const textOf = (message: string): string => message.slice(0, messageChars).toWellFormed()
