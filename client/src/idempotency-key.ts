/** A key that nobody else has. Pages that come neither from https nor from localhost have no crypto.randomUUID. */
export function newIdempotencyKey(): string {
  const { crypto } = globalThis
  const { randomUUID } = crypto as Partial<typeof crypto>
  if (randomUUID) return randomUUID.call(crypto)
  const parts = crypto.getRandomValues(new Uint32Array(4))
  return Array.from(parts, (part) => part.toString(16).padStart(8, '0')).join('')
}

/** @throws RangeError for what no header can hold: the gateway takes nothing else either */
export function checkIdempotencyKey(key: string): string {
  if (/^[\x20-\x7e]{1,255}$/.test(key)) return key
  throw new RangeError('An idempotencyKey must be 1 to 255 printable ASCII characters.')
}
