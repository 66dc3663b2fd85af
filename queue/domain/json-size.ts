import type { Json } from './job.ts'

/**
 * True when the JSON text of a value is certainly no longer than so many bytes; false when that is not known, and the text must be made to see. Most payloads
 * are far from any limit, and this costs them a fraction of their text.
 */
export const isCertainlyWithin = (value: Json, bytes: number): boolean => roomAfter(value, bytes) >= 0

/** Of a character: `\u001f`. In UTF-8 none takes more than three. */
const mostPerChar = 6

/** Of a number, such as -0.0000012345678901234567; `false` and `null` take less. */
const mostPerScalar = 25

/** @returns less than 0 as soon as it may be too little */
function roomAfter(value: Json, room: number): number {
  if (typeof value === 'string') return room - value.length * mostPerChar - 2
  if (typeof value !== 'object' || value === null) return room - mostPerScalar
  let left = room - 2
  if (Array.isArray(value)) {
    for (const item of value) {
      if (left < 0) return left
      left = roomAfter(item, left - 1)
    }
    return left
  }
  for (const name in value) {
    if (left < 0) return left
    left = roomAfter(value[name] ?? null, left - name.length * mostPerChar - 4)
  }
  return left
}
