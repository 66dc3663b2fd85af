import type { ByteRange } from '../../queue/store/blobs/blob-store.ts'

/**
 * The one range that a Range header asks for (RFC 9110, 14.2); null for all: there is no header, or one that may be ignored, such as several ranges.
 * 'unsatisfiable' when it begins after the end.
 */
export function readRange(header: string | undefined, bytes: number): ByteRange | null | 'unsatisfiable' {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '')
  if (!match) return null
  const [, first = '', last = ''] = match
  if (first === '') {
    if (last === '') return null
    const length = Math.min(Number(last), bytes)
    return length === 0 ? 'unsatisfiable' : { first: bytes - length, last: bytes - 1 }
  }
  const range = { first: Number(first), last: last === '' ? bytes - 1 : Math.min(Number(last), bytes - 1) }
  if (last !== '' && Number(last) < range.first) return null
  return range.first >= bytes ? 'unsatisfiable' : range
}
