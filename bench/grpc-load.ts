import {
  callHead,
  type Connection,
  flags,
  frame,
  type Frame,
  type GrpcPath,
  openConnection,
  prefixed,
  setStream,
  types,
} from './http2-frames.ts'
import { type Load, quantile } from './load.ts'

/** A unary call that is sent again and again, with the message as it goes over the wire without its frame. */
export interface GrpcRequest extends GrpcPath {
  message: Uint8Array
}

/**
 * As `load`, over a few connections that carry `inFlight` calls together. The frames only get the id of their stream; of an answer it reads whether it held a
 * message, which only one that is OK does.
 */
export async function loadGrpc(
  request: GrpcRequest,
  { connections, inFlight, count }: { connections: number; inFlight: number; count: number },
): Promise<Load> {
  const times = new Float64Array(count)
  let sent = 0
  let failures = 0
  const opened = await Promise.all(Array.from({ length: connections }, () => openConnection(request.address)))
  const startedAt = performance.now()
  await Promise.all(
    opened.map((connection, i) => {
      const own = Math.floor(inFlight / connections) + (i < inFlight % connections ? 1 : 0)
      return carry(connection, request, own, {
        next: () => (sent < count ? sent++ : undefined),
        done(index, ms, isOk) {
          times[index] = ms
          if (!isOk) failures++
        },
      })
    }),
  )
  const seconds = (performance.now() - startedAt) / 1000
  times.sort()
  return { rate: count / seconds, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), failures }
}

interface Calls {
  /** The index of the next call; undefined when there is none. */
  next(): number | undefined
  done(index: number, ms: number, isOk: boolean): void
}

async function carry(
  { socket, run }: Connection,
  request: GrpcRequest,
  inFlight: number,
  calls: Calls,
): Promise<void> {
  const template = makeCall(request)
  const open = new Map<number, { index: number; sentAt: number; isOk: boolean }>()
  let streamId = 1

  /** All calls that may begin now, in one write. */
  function begin(): void {
    const frames: Buffer[] = []
    while (open.size < inFlight) {
      const index = calls.next()
      if (index === undefined) break
      open.set(streamId, { index, sentAt: performance.now(), isOk: false })
      frames.push(template(streamId))
      streamId += 2
    }
    if (frames.length > 0) socket.write(frames.length === 1 && frames[0] ? frames[0] : Buffer.concat(frames))
    else if (open.size === 0) socket.end()
  }

  function hear({ type, flag, streamId: id, content }: Frame): void {
    const call = open.get(id)
    if (!call) return
    if (type === types.data && content.length > 0) call.isOk = true
    if ((type === types.headers || type === types.data) && (flag & flags.endStream) !== 0) {
      open.delete(id)
      calls.done(call.index, performance.now() - call.sentAt, call.isOk)
    }
  }

  const closed = run(hear, begin)
  begin()
  await closed
  if (open.size > 0) throw new Error('The server closed a connection.')
}

/** The frames of a call, for any stream. */
function makeCall(request: GrpcRequest): (streamId: number) => Buffer {
  const head = callHead(request)
  const template = Buffer.concat([head, frame(types.data, flags.endStream, 0, prefixed(request.message))])
  return (streamId) => {
    const bytes = Buffer.from(template)
    setStream(bytes, 0, streamId)
    setStream(bytes, head.length, streamId)
    return bytes
  }
}
