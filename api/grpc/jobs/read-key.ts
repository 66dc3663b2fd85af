import { QueueError } from '../../../queue/domain/errors.ts'
import { readIdempotency } from '../../submission/idempotency.ts'
import type { GrpcCall } from '../method.ts'

/**
 * The idempotency of a call, by the metadata `idempotency-key` or by the field.
 * @param call the HTTP call that it stands for: a key means the same job by both doors
 * @throws INVALID_REQUEST
 */
export function readKey(
  { metadata }: Pick<GrpcCall, 'metadata'>,
  field: string | undefined,
  call: string,
  json: unknown,
): { key: string; body: string } | null {
  const header = metadata('idempotency-key')
  if (header !== undefined && field !== undefined && header !== field)
    throw new QueueError('INVALID_REQUEST', 'The metadata idempotency-key and the field differ; send one.', {
      fields: [{ path: 'idempotencyKey', message: 'must be as the metadata idempotency-key, or absent' }],
    })
  return readIdempotency(header ?? field, call, json)
}
