import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Lookup } from '../../../core/checked-connect.ts'
import type { ClaimedJob, Json } from '../../../queue/domain/job.ts'
import { makeHttpTask } from '../../../workers/executors/http-task.ts'
import type { Stop } from '../../../queue/intake/stop.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { aClaimedJob, noNotes } from '../a-run.ts'

/** An address of this machine that the tests allow; its other ones stand for what jobs must not reach. */
export const allowedHost = '127.0.0.2'

export interface Seen {
  method: string
  path: string
  headers: IncomingMessage['headers']
  body: string
}

/** A server that keeps what it was asked; it is gone after the test. */
export async function serve(
  host: string,
  answer: (request: IncomingMessage, response: ServerResponse) => void = (_, response) =>
    void response.end('ok'),
  wantedPort = 0,
) {
  const seen: Seen[] = []
  const connections = new Set<Socket>()
  let opened = 0
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request
    void text(request).then(
      (body) => {
        seen.push({ method, path: url, headers, body })
        answer(request, response)
      },
      () => undefined,
    )
  })
  server.on('connection', (socket: Socket) => {
    opened++
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
  })
  server.listen(wantedPort, host)
  await once(server, 'listening')
  cleanUp(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  const address = server.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  return {
    port,
    url: `http://${host}:${String(port)}`,
    seen,
    /** Connections that it ever had. */
    opened: () => opened,
    open: () => connections.size,
  }
}

/** The task `http` of a node that allows the public internet and `allowedHost`, and for which names are what `names` says. */
export function openHttp({
  allow = ['public', allowedHost],
  bodyBytes = 65_536,
  names = {},
  lookup = (host) =>
    names[host]
      ? Promise.resolve(names[host].map((address) => ({ address, family: address.includes(':') ? 6 : 4 })))
      : Promise.reject(new Error(`getaddrinfo ENOTFOUND ${host}`)),
}: { allow?: string[]; bodyBytes?: number; names?: Record<string, string[]>; lookup?: Lookup } = {}) {
  const task = makeHttpTask({ allow, bodyBytes, lookup })
  const told: string[] = []
  function begin(payload: Json, job: Partial<ClaimedJob> = {}) {
    const controller = new AbortController()
    const ended = task.run({
      job: aClaimedJob({ task: 'http', payload, ...job }),
      gpus: [],
      limits: null,
      signal: controller.signal,
      log: { write() {}, tell: (line) => void told.push(line) },
      ...noNotes,
      recordUsage() {},
      recordStop() {},
    }) as Promise<any> // eslint-disable-line @typescript-eslint/no-explicit-any -- JSON, which the tests look into
    ended.catch(() => undefined)
    return { ended, stop: (stop: Stop) => controller.abort(stop) }
  }
  return { told, begin, run: (payload: Json, job?: Partial<ClaimedJob>) => begin(payload, job).ended }
}
