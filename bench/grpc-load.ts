import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type Load, quantile } from './load.ts'

/** A unary call that is sent again and again: a path, headers, and the message as it goes over the wire without its frame. */
export interface GrpcRequest {
  address: string
  path: string
  headers: Record<string, string>
  message: Uint8Array
}

const frameHead = 9
const types = { data: 0, headers: 1, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 }
const flags = { endStream: 1, ack: 1, endHeaders: 4 }

/**
 * As `load`, over a few connections of HTTP/2 (RFC 9113) that carry `inFlight` calls together. The generator shares the machine with what it measures, so
 * its frames are made once and only get the id of their stream; of an answer it reads whether it held a message, which only one that is OK does.
 */
export async function loadGrpc(
  request: GrpcRequest,
  { connections, inFlight, count }: { connections: number; inFlight: number; count: number },
): Promise<Load> {
  const times = new Float64Array(count)
  let sent = 0
  let failures = 0
  const { hostname, port } = new URL(`http://${request.address}`)
  const sockets = await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect({ host: hostname, port: Number(port), noDelay: true })
      await once(socket, 'connect')
      return socket
    }),
  )
  const startedAt = performance.now()
  await Promise.all(
    sockets.map((socket, i) => {
      const own = Math.floor(inFlight / connections) + (i < inFlight % connections ? 1 : 0)
      return carry(socket, request, own, {
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

function carry(socket: Socket, request: GrpcRequest, inFlight: number, calls: Calls): Promise<void> {
  const template = makeCall(request)
  const open = new Map<number, { index: number; sentAt: number; isOk: boolean }>()
  let streamId = 1
  let rest: Buffer = Buffer.alloc(0)

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

  function hear(type: number, flag: number, id: number, content: Buffer): void {
    const call = open.get(id)
    if (type === types.settings && (flag & flags.ack) === 0)
      socket.write(frame(types.settings, flags.ack, 0, Buffer.alloc(0)))
    if (type === types.ping && (flag & flags.ack) === 0)
      socket.write(frame(types.ping, flags.ack, 0, content))
    if (type === types.goAway)
      throw new Error(`The server said to go away: ${content.subarray(8).toString()}`)
    if (!call) return
    if (type === types.data && content.length > 0) call.isOk = true
    if ((type === types.headers || type === types.data) && (flag & flags.endStream) !== 0) {
      open.delete(id)
      calls.done(call.index, performance.now() - call.sentAt, call.isOk)
    }
  }

  return new Promise((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => {
      let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      try {
        while (bytes.length >= frameHead) {
          const end = frameHead + bytes.readUIntBE(0, 3)
          if (bytes.length < end) break
          hear(
            bytes[3] ?? 0,
            bytes[4] ?? 0,
            bytes.readUInt32BE(5) & 0x7fffffff,
            bytes.subarray(frameHead, end),
          )
          bytes = bytes.subarray(end)
        }
        rest = bytes
        begin()
      } catch (error) {
        reject(error as Error)
      }
    })
    socket.on('error', reject)
    socket.on('close', () =>
      open.size === 0 ? resolve() : reject(new Error('The server closed a connection.')),
    )
    const settings = Buffer.alloc(6) // SETTINGS_INITIAL_WINDOW_SIZE: answers are never held back
    settings.writeUInt16BE(4, 0)
    settings.writeUInt32BE(0x7fffffff, 2)
    const window = Buffer.alloc(4)
    window.writeUInt32BE(0x7fffffff - 65_535)
    socket.write(
      Buffer.concat([
        Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
        frame(types.settings, 0, 0, settings),
        frame(types.windowUpdate, 0, 0, window),
      ]),
    )
    begin()
  })
}

function frame(type: number, flag: number, streamId: number, content: Uint8Array): Buffer {
  const head = Buffer.alloc(frameHead)
  head.writeUIntBE(content.length, 0, 3)
  head[3] = type
  head[4] = flag
  head.writeUInt32BE(streamId, 5)
  return Buffer.concat([head, content])
}

/** The frames of a call, for any stream. */
function makeCall({ address, path, headers, message }: GrpcRequest): (streamId: number) => Buffer {
  const block = Buffer.concat(
    Object.entries({
      ':method': 'POST',
      ':scheme': 'http',
      ':path': path,
      ':authority': address,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    }).map(([name, value]) => literal(name, value)),
  )
  const head = frame(types.headers, flags.endHeaders, 0, block)
  const prefix = Buffer.alloc(5) // not compressed, and how long
  prefix.writeUInt32BE(message.length, 1)
  const data = frame(types.data, flags.endStream, 0, Buffer.concat([prefix, message]))
  return (streamId) => {
    const bytes = Buffer.concat([head, data])
    bytes.writeUInt32BE(streamId, 5)
    bytes.writeUInt32BE(streamId, head.length + 5)
    return bytes
  }
}

/** A header that no table knows (RFC 7541, 6.2.2), so that each call has the same bytes. */
function literal(name: string, value: string): Buffer {
  const text = (of: string): Buffer => {
    const bytes = Buffer.from(of)
    const length: number[] = []
    if (bytes.length < 127) length.push(bytes.length)
    else {
      length.push(127)
      let left = bytes.length - 127
      for (; left >= 128; left >>>= 7) length.push((left & 127) | 128)
      length.push(left)
    }
    return Buffer.concat([Buffer.from(length), bytes])
  }
  return Buffer.concat([Buffer.from([0]), text(name), text(value)])
}
