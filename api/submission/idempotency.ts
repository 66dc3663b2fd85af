import { QueueError } from '../../queue/domain/errors.ts'
import { idempotencyKey } from '../contract/job-shapes.ts'

/**
 * The header Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07) with what tells whether two requests are the same: the call and its body,
 * whatever its white space.
 */
export function readIdempotency(
  header: string | undefined,
  call: string,
  json: unknown,
): { key: string; body: string } | null {
  if (header === undefined) return null
  // The draft writes the key as a quoted string; most clients send it bare.
  const key = /^".*"$/.test(header) ? header.slice(1, -1) : header
  const parsed = idempotencyKey.safeParse(key)
  if (parsed.success) return idempotencyFor(parsed.data, call, json)
  const message = parsed.error.issues[0]?.message ?? 'is not valid'
  throw new QueueError('INVALID_REQUEST', `Idempotency-Key ${message}.`, {
    fields: [{ path: 'Idempotency-Key', message }],
  })
}

export const idempotencyFor = (key: string, call: string, json: unknown): { key: string; body: string } => ({
  key,
  body: `${call} ${JSON.stringify(json)}`,
})
