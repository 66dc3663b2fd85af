/**
 * A message of protobuf that is written from its end to its beginning, so that every length is known when its place comes: the last field first, of each
 * its content first (protobuf.dev/programming-guides/encoding). `at` is where the message begins so far.
 */
export interface WireWriter {
  bytes: Buffer
  at: number
}

/** @param room bytes that are likely to do; it grows where they don't */
export function makeWireWriter(room: number): WireWriter {
  const bytes = Buffer.allocUnsafe(room)
  return { bytes, at: bytes.length }
}

export const written = ({ bytes, at }: WireWriter): Buffer => bytes.subarray(at)

/** Longest that a number is: 2^53 has eight bytes. */
const varintBytes = 8

/** @param value a whole number from 0 to 2^53 */
export function writeVarint(writer: WireWriter, value: number): void {
  makeRoom(writer, varintBytes)
  const { bytes } = writer
  if (value < 128) {
    bytes[--writer.at] = value
    return
  }
  let length = 1
  for (let left = value; left >= 128; left = Math.floor(left / 128)) length++
  let left = value
  const at = writer.at - length
  for (let i = 0; i < length - 1; i++) {
    bytes[at + i] = (left % 128) | 128
    left = Math.floor(left / 128)
  }
  bytes[at + length - 1] = left
  writer.at = at
}

/** Texts up to here are mostly ASCII, and written faster char by char. */
const shortChars = 96

/** A text with its length and tag; nothing for an empty one, which is what readers take for absent. */
export function writeText(writer: WireWriter, tag: number, text: string): void {
  if (text.length > 0) writeItem(writer, tag, text)
}

/** One of several texts, which may be empty. */
export function writeItem(writer: WireWriter, tag: number, text: string): void {
  const isShort = writeAscii(writer, text)
  const length = isShort ? text.length : Buffer.byteLength(text)
  if (!isShort) {
    makeRoom(writer, length)
    writer.at -= length
    writer.bytes.write(text, writer.at, length, 'utf8')
  }
  writeHead(writer, tag, length)
}

/** @returns false, with nothing written, for a text that is long or not ASCII */
function writeAscii(writer: WireWriter, text: string): boolean {
  const { length } = text
  if (length > shortChars) return false
  makeRoom(writer, length)
  const { bytes } = writer
  const at = writer.at - length
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127) return false
    bytes[at + i] = code
  }
  writer.at = at
  return true
}

/** Bytes with their length and tag, such as those of a message. */
export function writeBytes(writer: WireWriter, tag: number, content: Uint8Array): void {
  makeRoom(writer, content.length)
  writer.at -= content.length
  writer.bytes.set(content, writer.at)
  writeHead(writer, tag, content.length)
}

/** A number with its tag; nothing for 0, which is what readers take for absent. @param value a whole number from 0 to 2^53 */
export function writeNumber(writer: WireWriter, tag: number, value: number): void {
  if (value === 0) return
  writeVarint(writer, value)
  writeVarint(writer, tag)
}

/** Length and tag of what has been written. */
export function writeHead(writer: WireWriter, tag: number, length: number): void {
  writeVarint(writer, length)
  writeVarint(writer, tag)
}

/** How much has been written, to know the length of what comes after. */
export const writtenBytes = ({ bytes, at }: WireWriter): number => bytes.length - at

function makeRoom(writer: WireWriter, room: number): void {
  if (writer.at >= room) return
  const { bytes, at } = writer
  const larger = Buffer.allocUnsafe(bytes.length * 2 + room)
  bytes.copy(larger, larger.length - bytes.length + at, at)
  writer.at = at + larger.length - bytes.length
  writer.bytes = larger
}
