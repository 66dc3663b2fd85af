import type Docker from 'dockerode'

const lines = 10
/** An engine puts so many bytes before each piece of a log: the stream, three zeros, and the length. */
const headerBytes = 8

/** The end of what a container wrote, so that the reason of its end survives it. */
export async function lastLinesOf(
  container: Docker.Container,
  abortSignal: AbortSignal,
): Promise<string | undefined> {
  try {
    const framed = await container.logs({ stdout: true, stderr: true, tail: lines, abortSignal })
    return withoutFrames(framed).trim()
  } catch {
    return undefined
  }
}

function withoutFrames(framed: Buffer): string {
  let text = ''
  for (let at = 0; at + headerBytes <= framed.length;) {
    const bytes = framed.readUInt32BE(at + 4)
    text += framed.toString('utf8', at + headerBytes, at + headerBytes + bytes)
    at += headerBytes + bytes
  }
  return text
}
