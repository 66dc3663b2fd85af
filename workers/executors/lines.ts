/** Cuts bytes into lines. */
export interface Lines {
  push(chunk: Buffer): void
  /** The stream has ended: what stands after the last line end counts as a line. */
  end(): void
}

/** Keeps at most `mostBytes` of a line; `isCut` tells that there was more, which is dropped. Empty lines are left out. */
export function makeLines(mostBytes: number, onLine: (text: string, isCut: boolean) => void): Lines {
  let kept: Buffer[] = []
  let keptBytes = 0
  let isCut = false

  function keep(part: Buffer): void {
    const room = mostBytes - keptBytes
    if (part.length > room) isCut = true
    if (room <= 0 || part.length === 0) return
    const taken = part.subarray(0, room)
    kept.push(taken)
    keptBytes += taken.length
  }

  function finish(): void {
    const text = Buffer.concat(kept).toString('utf8').trimEnd()
    const wasCut = isCut
    kept = []
    keptBytes = 0
    isCut = false
    if (text || wasCut) onLine(text, wasCut)
  }

  return {
    push(chunk) {
      let from = 0
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
        keep(chunk.subarray(from, end))
        finish()
        from = end + 1
      }
      // A copy of what is not a line yet: the chunk may be large.
      if (from < chunk.length) keep(Buffer.from(chunk.subarray(from, from + mostBytes + 1)))
    },
    end: finish,
  }
}
