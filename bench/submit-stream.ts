import type { StreamLoad } from './contender.ts'
import {
  callHead,
  flags,
  frame,
  type Frame,
  frameHead,
  type GrpcPath,
  initialWindow,
  openConnection,
  prefixed,
  types,
} from './http2-frames.ts'

/** A call of `SubmitStream`, and the bytes of a message of so many jobs. */
export interface StreamCall extends GrpcPath {
  message: (count: number) => Uint8Array
}

/** Most that a frame holds by default (RFC 9113, 6.5.2). */
const frameBytes = 16_384
const streamId = 1

/**
 * Jobs over `SubmitStream`, each stream on a connection of its own as each batch is. A stream has two messages on their way, so that it never waits for an
 * answer. Of the answers it reads how many jobs they are about and whether any was refused.
 */
export async function loadSubmitStream(
  call: StreamCall,
  { streams, messages, count }: StreamLoad,
): Promise<number> {
  const frames = cut(prefixed(call.message(count)))
  let left = messages
  const next = (): boolean => left-- > 0
  const opened = await Promise.all(
    Array.from({ length: streams }, () => openStream(call, { frames, count, next })),
  )
  const startedAt = performance.now()
  await Promise.all(opened.map((run) => run()))
  return (messages * count) / ((performance.now() - startedAt) / 1000)
}

/** The frames of a message, whose stream is known, since each has a connection of its own. */
function cut(message: Buffer): Buffer[] {
  const frames: Buffer[] = []
  for (let at = 0; at < message.length; at += frameBytes)
    frames.push(frame(types.data, 0, streamId, message.subarray(at, at + frameBytes)))
  return frames
}

interface Messages {
  /** Of one message. */
  frames: readonly Buffer[]
  /** Jobs in it. */
  count: number
  /** Whether another one is to be sent, which takes it. */
  next(): boolean
}

async function openStream(call: StreamCall, { frames, count, next }: Messages): Promise<() => Promise<void>> {
  const { socket, run } = await openConnection(call.address)
  const outcomes = makeOutcomes()
  /** What the server lets it send; less than 0 when it made its windows smaller. */
  const window = { stream: initialWindow, connection: initialWindow, initial: initialWindow }
  /** The next frame of the message that has begun. */
  let place = frames.length
  let unanswered = 0
  let isEnding = false

  /** Whether a message has begun, or can. */
  function hasMore(): boolean {
    if (place < frames.length) return true
    if (isEnding || unanswered > count || !next()) return false
    unanswered += count
    place = 0
    return true
  }

  /** As much as there is, and room for. */
  function send(): void {
    socket.cork()
    while (hasMore()) {
      const next = frames[place]
      const size = (next?.length ?? 0) - frameHead
      if (!next || size > window.stream || size > window.connection) break
      socket.write(next)
      place++
      window.stream -= size
      window.connection -= size
    }
    if (unanswered === 0 && !isEnding) {
      isEnding = true
      socket.write(frame(types.data, flags.endStream, streamId, Buffer.alloc(0)))
    }
    socket.uncork()
  }

  function hear({ type, flag, streamId: id, content }: Frame): void {
    if (type === types.windowUpdate)
      window[id === 0 ? 'connection' : 'stream'] += content.readUInt32BE(0) & 0x7fffffff
    if (type === types.settings && (flag & flags.ack) === 0) {
      for (let at = 0; at < content.length; at += 6) {
        if (content.readUInt16BE(at) !== 4) continue // SETTINGS_INITIAL_WINDOW_SIZE
        window.stream += content.readUInt32BE(at + 2) - window.initial
        window.initial = content.readUInt32BE(at + 2)
      }
    }
    if (type === types.data) {
      const { jobs, refused } = outcomes(content)
      if (refused > 0) throw new Error(`${String(refused)} jobs of a stream were refused.`)
      unanswered -= jobs
    }
    if (type === types.headers && (flag & flags.endStream) !== 0) socket.end()
  }

  return async () => {
    socket.write(callHead(call, streamId))
    const closed = run(hear, send)
    send()
    await closed
    if (unanswered > 0) throw new Error('The server ended a stream before its last answer.')
  }
}

/**
 * Counts what comes in pieces of `SubmitStreamResponse`s: `results` is its field 1, and of each of them `index` is field 1 and comes first, `job` is field 2 and
 * `error` field 3 (protobuf.dev/programming-guides/encoding).
 */
function makeOutcomes(): (piece: Buffer) => { jobs: number; refused: number } {
  let rest: Buffer = Buffer.alloc(0)
  /** Of the message that has begun. */
  let messageLeft = 0

  return (piece) => {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece])
    const found = { jobs: 0, refused: 0 }
    let at = 0
    for (;;) {
      if (messageLeft === 0) {
        if (bytes.length < at + 5) break
        messageLeft = bytes.readUInt32BE(at + 1)
        at += 5
        continue
      }
      const result = readResult(bytes, at)
      if (!result) break
      messageLeft -= result.end - at
      at = result.end
      found.jobs++
      if (result.isRefused) found.refused++
    }
    rest = bytes.subarray(at)
    return found
  }
}

/** Undefined while it is not all there. */
function readResult(bytes: Buffer, start: number): { end: number; isRefused: boolean } | undefined {
  let at = start + 1 // behind its tag
  let length = 0
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[at++]
    if (byte === undefined) return undefined
    length += (byte & 127) * scale
    if (byte < 128) break
  }
  const end = at + length
  if (end > bytes.length) return undefined
  // An index of 0 may be left out.
  if (bytes[at] === 0o10) while ((bytes[++at] ?? 0) >= 128);
  else at--
  return { end, isRefused: bytes[at + 1] === 0o32 }
}
