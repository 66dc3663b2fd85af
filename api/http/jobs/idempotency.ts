import { idempotencyKey } from '../../contract/job-shapes.ts'
import { validate } from '../validate.ts'

/**
 * The header Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07) with what tells whether two requests are the same: the call and its body,
 * whatever its white space.
 */
export function readIdempotency(header: string | undefined, call: string, json: unknown): { key: string; body: string } | null {
  if (header === undefined) return null
  // The draft writes the key as a quoted string; most clients send it bare.
  const key = /^".*"$/.test(header) ? header.slice(1, -1) : header
  return idempotencyFor(validate(idempotencyKey, key, 'Idempotency-Key'), call, json)
}

export const idempotencyFor = (key: string, call: string, json: unknown): { key: string; body: string } => ({ key, body: `${call} ${JSON.stringify(json) ?? ''}` })
