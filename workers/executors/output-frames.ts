/**
 * Takes apart what an engine sends of a container without a terminal: frames of a byte for the stream (1 stdout, 2 stderr), three of nothing, four for
 * the length, and as much output (Docker Engine API, attach). Passes pieces on as they come, also of a frame that is not there as a whole.
 * Docker's client for Node copies all that is left for each frame and recurses: a program that writes byte by byte would overflow its stack.
 */
export function makeFrameReader(on: {
  stdout: (piece: Buffer) => void
  stderr: (piece: Buffer) => void
}): (chunk: Buffer) => void {
  const header = Buffer.alloc(8)
  let headerBytes = 0
  let leftBytes = 0

  return (chunk) => {
    for (let at = 0; at < chunk.length;) {
      if (leftBytes === 0) {
        const taken = chunk.copy(header, headerBytes, at, at + header.length - headerBytes)
        at += taken
        headerBytes += taken
        if (headerBytes < header.length) return
        headerBytes = 0
        leftBytes = header.readUInt32BE(4)
        continue
      }
      const piece = chunk.subarray(at, at + leftBytes)
      at += piece.length
      leftBytes -= piece.length
      if (header[0] === 2) on.stderr(piece)
      else on.stdout(piece)
    }
  }
}
