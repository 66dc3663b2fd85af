import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { every } from '../../core/every.ts'
import { silentLogger } from '../../core/logger.ts'
import { cleanUp } from './clean-up.ts'
import { listen } from './listen.ts'

/** How often each gateway is asked; ten seconds in deploy/haproxy. */
const healthMs = 50

/**
 * What a load balancer does for gateways: sends requests in turn to those whose /health says 200, out after one check that failed, and tries another one only when a
 * connection could not be made. Connections to gateways are kept and used again.
 */
export async function openBalancer(ports: readonly number[]): Promise<{ url: string }> {
  const backends = ports.map((port) => ({ port, isHealthy: true }))
  let turn = 0
  const check = every(
    healthMs,
    async () => {
      await Promise.all(
        backends.map(async (backend) => {
          const answer = await fetch(`http://127.0.0.1:${String(backend.port)}/health`).catch(() => undefined)
          await answer?.text()
          backend.isHealthy = answer?.ok === true
        }),
      )
    },
    { name: 'health checks', log: silentLogger },
  )
  const server = createServer((incoming, response) => {
    void readBody(incoming).then((body) => forward(incoming, body, response, backends.length))
  })

  function forward(incoming: IncomingMessage, body: Buffer, response: ServerResponse, tries: number): void {
    const healthy = backends.filter(({ isHealthy }) => isHealthy)
    const backend = healthy[turn++ % Math.max(1, healthy.length)]
    if (!backend || tries === 0) {
      response.writeHead(502).end()
      return
    }
    const { method, url, headers } = incoming
    const onward = request(
      { host: '127.0.0.1', port: backend.port, method, path: url, headers },
      (answer) => {
        const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...kept } = answer.headers
        response.writeHead(answer.statusCode ?? 502, kept)
        answer.pipe(response)
        answer.on('error', () => response.destroy())
      },
    )
    onward.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') forward(incoming, body, response, tries - 1)
      else response.destroy(error)
    })
    onward.end(body)
  }

  const { address } = await listen(server)
  await check.start()
  cleanUp(() => check.stop())
  return { url: `http://${address}` }
}

async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
