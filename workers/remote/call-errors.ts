import { type ServiceError, status } from '@grpc/grpc-js'
import type { PackageDefinition } from '@grpc/proto-loader'
import type { ErrorInfo__Output } from '../../proto/generated/google/rpc/ErrorInfo.ts'
import type { Status__Output } from '../../proto/generated/google/rpc/Status.ts'
import { messageOf } from '../../proto/load-protocol.ts'
import { type ErrorCode, errorCodes, QueueError } from '../../queue/domain/errors.ts'

/** What a connection that breaks, or a gateway that does not answer, gives. */
const unanswered: readonly status[] = [
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.CANCELLED,
  status.ABORTED,
  status.INTERNAL,
  status.UNKNOWN,
  status.RESOURCE_EXHAUSTED,
]

/** Maps the status that a call ended with to the error that the gateway met, or GATEWAY_UNAVAILABLE. */
export function makeToQueueError(protocol: PackageDefinition): (error: ServiceError) => QueueError | Error {
  const statusMessage = messageOf(protocol, 'google.rpc.Status')
  const infoMessage = messageOf(protocol, 'google.rpc.ErrorInfo')

  function reasonOf(error: ServiceError): ErrorCode | undefined {
    const [bytes] =
      (error.metadata as ServiceError['metadata'] | undefined)?.get('grpc-status-details-bin') ?? []
    if (!(bytes instanceof Uint8Array)) return undefined
    try {
      const { details } = statusMessage.deserialize(Buffer.from(bytes)) as Status__Output
      const info = details.find((detail) => detail.type_url.endsWith('/google.rpc.ErrorInfo'))
      if (!info) return undefined
      const { reason } = infoMessage.deserialize(info.value) as ErrorInfo__Output
      return Object.hasOwn(errorCodes, reason) ? (reason as ErrorCode) : undefined
    } catch {
      return undefined // of no use, and its code tells enough
    }
  }

  return (error) => {
    const reason = reasonOf(error)
    if (reason) return new QueueError(reason, error.details, { cause: error })
    return unanswered.includes(error.code)
      ? new QueueError('GATEWAY_UNAVAILABLE', `No gateway answers: ${error.details || error.message}.`, {
          cause: error,
        })
      : error
  }
}
