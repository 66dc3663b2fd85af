/** The last bytes of a stream. */
export interface OutputTail {
  push(chunk: Buffer): void
  isTruncated(): boolean
  /** As text that JSON and Postgres can hold: what is not UTF-8 and NUL characters become U+FFFD. A character cut at the start is left out. */
  text(): string
}

/** Keeps at most `limitBytes`, and while it collects as much again. */
export function makeOutputTail(limitBytes: number): OutputTail {
  let chunks: Buffer[] = []
  let keptBytes = 0
  let seenBytes = 0

  function compact(): Buffer {
    const all = Buffer.concat(chunks)
    // A copy: a slice would keep the whole of what it was cut from.
    const tail = all.length > limitBytes ? Buffer.from(all.subarray(all.length - limitBytes)) : all
    chunks = [tail]
    keptBytes = tail.length
    return tail
  }

  return {
    push(chunk) {
      chunks.push(chunk)
      keptBytes += chunk.length
      seenBytes += chunk.length
      if (keptBytes > 2 * limitBytes) compact()
    },
    isTruncated: () => seenBytes > limitBytes,
    text() {
      const bytes = compact()
      return bytes
        .subarray(seenBytes > limitBytes ? characterStart(bytes) : 0)
        .toString('utf8')
        .replaceAll('\0', '\uFFFD')
    },
  }
}

/** Where the first whole character begins: a UTF-8 character has at most three bytes after its first. */
function characterStart(bytes: Buffer): number {
  let start = 0
  while (start < 3 && ((bytes[start] ?? 0) & 0b1100_0000) === 0b1000_0000) start++
  return start
}
