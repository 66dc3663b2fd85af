import { connect } from 'node:net'
import { once } from 'node:events'

export interface Load {
  /** Answers a second. */
  rate: number
  p50Ms: number
  p99Ms: number
  failures: number
}

/**
 * Sends the same request again and again over so many connections, each waiting for its answer (a closed loop), until `count` were answered.
 * The generator shares the machine with what it measures, so it does as little as it can: the request is made once, of an answer it reads the status and
 * the length. Contenders answer with Content-Length and keep connections open.
 */
export async function load(
  request: { url: string; headers: Record<string, string>; body: string },
  { connections, count }: { connections: number; count: number },
): Promise<Load> {
  const { hostname, port, pathname, host } = new URL(request.url)
  const lines = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\n${lines.join('')}content-length: ${String(Buffer.byteLength(request.body))}\r\n\r\n`
  const bytes = Buffer.from(head + request.body)
  const times = new Float64Array(count)
  let sent = 0
  let failures = 0
  const sockets = await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect({ host: hostname, port: Number(port), noDelay: true })
      await once(socket, 'connect')
      return socket
    }),
  )
  const startedAt = performance.now()
  await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<void>((resolve, reject) => {
          let index = 0
          let sentAt = 0
          let answer = Buffer.alloc(0)
          const next = (): void => {
            if (sent >= count) {
              socket.end()
              resolve()
              return
            }
            index = sent++
            sentAt = performance.now()
            socket.write(bytes)
          }
          socket.on('data', (chunk) => {
            answer = answer.length === 0 ? chunk : Buffer.concat([answer, chunk])
            const length = answerLength(answer)
            if (length === undefined || answer.length < length) return
            if (answer.latin1Slice(9, 12) !== '202') failures++
            answer = Buffer.alloc(0)
            times[index] = performance.now() - sentAt
            next()
          })
          socket.on('error', reject)
          socket.on('close', () => reject(new Error('The server closed a connection.')))
          next()
        }),
    ),
  )
  const seconds = (performance.now() - startedAt) / 1000
  times.sort()
  return { rate: count / seconds, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), failures }
}

/** Bytes of an answer with its head; undefined while the head is not all there. */
function answerLength(answer: Buffer): number | undefined {
  const end = answer.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const length = /\r\ncontent-length: (\d+)/i.exec(answer.latin1Slice(0, end))?.[1]
  if (length === undefined) throw new Error('An answer came without Content-Length.')
  return end + 4 + Number(length)
}

export const quantile = (sorted: ArrayLike<number>, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
