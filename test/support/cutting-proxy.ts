import { createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http'
import { listen } from './listen.ts'

/** What becomes of a request: cut off before the gateway hears of it, after it has acted, or within its answer. */
export type Fate = 'pass' | 'before' | 'after' | 'within'

export interface SeenRequest {
  method: string
  path: string
  headers: IncomingMessage['headers']
  fate: Fate
}

export interface CuttingProxy {
  url: string
  /** In the order in which they came. */
  seen: SeenRequest[]
  /** Connections that clients have opened. */
  connections(): number
}

/** Stands between a client and a gateway, and cuts connections as `fateOf` says. */
export async function openCuttingProxy(
  target: string,
  fateOf: (request: { method: string; path: string; n: number }) => Fate,
): Promise<CuttingProxy> {
  const seen: SeenRequest[] = []
  let connections = 0
  const server = createServer((request, response) => {
    const { method = 'GET', url: path = '/', headers } = request
    const fate = fateOf({ method, path, n: seen.length })
    seen.push({ method, path, headers, fate })
    if (fate === 'before') request.socket.destroy()
    else forward(target, request, response, fate)
  })
  server.on('connection', () => connections++)
  const { address } = await listen(server)
  return { url: `http://${address}`, seen, connections: () => connections }
}

function forward(target: string, request: IncomingMessage, response: ServerResponse, fate: Fate): void {
  const cut = (): void => void request.socket.destroy()
  const upstream = send(
    new URL(request.url ?? '/', target),
    { method: request.method, headers: request.headers, agent: false },
    (answer) => {
      answer.on('error', cut)
      if (fate === 'after') {
        answer.resume().on('end', cut)
        return
      }
      const { connection: _, ...headers } = answer.headers
      response.writeHead(answer.statusCode ?? 502, headers)
      if (fate === 'pass') {
        answer.pipe(response)
        return
      }
      // A stream has told something by then.
      let pieces = /event-stream/.test(answer.headers['content-type'] ?? '') ? 3 : 1
      answer.on('data', (piece: Buffer) => {
        pieces--
        if (pieces > 0) response.write(piece)
        if (pieces !== 0) return
        response.write(piece.subarray(0, Math.ceil(piece.length / 2)), () => {
          cut()
          answer.destroy()
        })
      })
      answer.on('end', cut)
    },
  )
  upstream.on('error', cut)
  response.on('close', () => upstream.destroy())
  request.pipe(upstream)
}
