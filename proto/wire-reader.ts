/** Where bytes of protobuf are read (protobuf.dev/programming-guides/encoding). */
export interface Cursor {
  bytes: Buffer
  at: number
  end: number
}

/** A number of at most seven bytes. @returns -1 when the bytes end before it, or it is longer, as negative ones are */
export function readVarint(cursor: Cursor): number {
  const { bytes, end } = cursor
  let value = 0
  for (let at = cursor.at, scale = 1; at < end && at < cursor.at + 7; scale *= 128) {
    const byte = bytes[at++] ?? 0
    value += (byte & 127) * scale
    if (byte < 128) {
      cursor.at = at
      return value
    }
  }
  return -1
}

/** Where what follows its length stands, and moves behind it: no Buffer of its own, which costs as much as to read it. @returns undefined when the bytes end before it does */
export function readPiece(cursor: Cursor): Cursor | undefined {
  const end = endOfField(cursor)
  if (end < 0) return undefined
  const piece = { bytes: cursor.bytes, at: cursor.at, end }
  cursor.at = end
  return piece
}

/** A text after its length; what is not UTF-8 becomes U+FFFD. */
export function readText(cursor: Cursor): string | undefined {
  const end = endOfField(cursor)
  if (end < 0) return undefined
  const text = cursor.bytes.toString('utf8', cursor.at, end)
  cursor.at = end
  return text
}

/** Of one that has a length, which is read. @returns -1 when the bytes end before it does */
export function endOfField(cursor: Cursor): number {
  const length = readVarint(cursor)
  const end = cursor.at + length
  return length < 0 || end > cursor.end ? -1 : end
}
