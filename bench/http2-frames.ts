import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/*
 * Just enough of HTTP/2 (RFC 9113) and gRPC to put load on a server that is known: a generator shares the machine with what it measures, so its frames are
 * made once, and of what comes it looks at no more than it has to.
 */

export const types = { data: 0, headers: 1, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 }
export const flags = { endStream: 1, ack: 1, endHeaders: 4 }
export const initialWindow = 65_535

export const frameHead = 9
const none = Buffer.alloc(0)

/** How a generator calls: a path, and headers besides those of every call. */
export interface GrpcPath {
  address: string
  path: string
  headers: Record<string, string>
}

export interface Frame {
  type: number
  flag: number
  streamId: number
  content: Buffer
}

export interface Connection {
  socket: Socket
  /** What comes goes to `hear`, but for pings and settings, which are answered; `heard` when all that came together was. Resolves when the socket closes. */
  run(hear: (frame: Frame) => void, heard: () => void): Promise<void>
}

/** Connects, and lets the server send as much as it likes. */
export async function openConnection(address: string): Promise<Connection> {
  const { hostname, port } = new URL(`http://${address}`)
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  await once(socket, 'connect')
  const settings = Buffer.alloc(6) // SETTINGS_INITIAL_WINDOW_SIZE
  settings.writeUInt16BE(4, 0)
  settings.writeUInt32BE(0x7fffffff, 2)
  const window = Buffer.alloc(4)
  window.writeUInt32BE(0x7fffffff - initialWindow)
  socket.write(
    Buffer.concat([
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      frame(types.settings, 0, 0, settings),
      frame(types.windowUpdate, 0, 0, window),
    ]),
  )
  return { socket, run: (hear, heard) => run(socket, hear, heard) }
}

function run(socket: Socket, hear: (frame: Frame) => void, heard: () => void): Promise<void> {
  let rest: Buffer = none

  function take({ type, flag, streamId, content }: Frame): void {
    if (type === types.settings && (flag & flags.ack) === 0)
      socket.write(frame(types.settings, flags.ack, 0, none))
    if (type === types.ping && (flag & flags.ack) === 0)
      socket.write(frame(types.ping, flags.ack, 0, content))
    if (type === types.goAway)
      throw new Error(`The server said to go away: ${content.subarray(8).toString()}`)
    hear({ type, flag, streamId, content })
  }

  return new Promise((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => {
      let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      try {
        while (bytes.length >= frameHead) {
          const end = frameHead + bytes.readUIntBE(0, 3)
          if (bytes.length < end) break
          take({
            type: bytes[3] ?? 0,
            flag: bytes[4] ?? 0,
            streamId: bytes.readUInt32BE(5) & 0x7fffffff,
            content: bytes.subarray(frameHead, end),
          })
          bytes = bytes.subarray(end)
        }
        rest = bytes
        heard()
      } catch (error) {
        reject(error as Error)
      }
    })
    socket.on('error', reject)
    socket.on('close', () => resolve())
  })
}

export function frame(type: number, flag: number, streamId: number, content: Uint8Array): Buffer {
  const head = Buffer.alloc(frameHead)
  head.writeUIntBE(content.length, 0, 3)
  head[3] = type
  head[4] = flag
  head.writeUInt32BE(streamId, 5)
  return Buffer.concat([head, content])
}

/** The same frame for another stream. */
export function setStream(bytes: Buffer, frameAt: number, streamId: number): void {
  bytes.writeUInt32BE(streamId, frameAt + 5)
}

/** The frame that begins a call. */
export function callHead({ address, path, headers }: GrpcPath, streamId = 0): Buffer {
  const block = Object.entries({
    ':method': 'POST',
    ':scheme': 'http',
    ':path': path,
    ':authority': address,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  }).map(([name, value]) => literal(name, value))
  return frame(types.headers, flags.endHeaders, streamId, Buffer.concat(block))
}

/** A message as gRPC sends it: whether it is compressed, which it is not, and how long it is. */
export function prefixed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
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
