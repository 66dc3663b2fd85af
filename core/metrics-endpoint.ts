import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Component } from './lifecycle.ts'
import type { Logger } from './logger.ts'
import { makeMetricsReaders } from './metrics-readers.ts'
import type { Metrics } from './metrics.ts'

export interface MetricsEndpointOptions {
  /** 0 for no endpoint at all. */
  port: number
  host: string
  /** Networks that may read /metrics; /health is for all. */
  networks: readonly string[]
  metrics: Metrics
  log: Logger
  /** False makes /health say 503; by default it says 200 as long as the process serves. */
  isHealthy?: () => boolean
  /** Why the process is not ready; null when it is. Without it there is no /ready. */
  whyNotReady?: () => string | null
}

/** GET /metrics (Prometheus text), GET /health and, where it is told, GET /ready for processes without a gateway. */
export function makeMetricsEndpoint({
  port,
  host,
  networks,
  metrics,
  log,
  isHealthy = () => true,
  whyNotReady,
}: MetricsEndpointOptions): Component {
  const mayRead = makeMetricsReaders(networks)
  const server = createServer({ requestTimeout: 10_000, keepAliveTimeout: 65_000 }, (request, response) => {
    answer(request, response).catch((error: unknown) => {
      log.warn('metrics could not be told', { error })
      if (response.headersSent) response.destroy()
      else
        send(response, 500, 'text/plain; charset=utf-8', 'The metrics could not be told; the log says why.\n')
    })
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?')[0]
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      send(response, 405, 'text/plain; charset=utf-8', 'Only GET is served here.\n')
    } else if (path === '/metrics' && !mayRead(request.socket.remoteAddress ?? '')) {
      send(
        response,
        403,
        'text/plain; charset=utf-8',
        'Metrics are for the networks in METRICS_NETWORKS only.\n',
      )
    } else if (path === '/metrics') {
      send(response, 200, metrics.registry.contentType, await metrics.registry.metrics())
    } else if (path === '/health') {
      const healthy = isHealthy()
      send(
        response,
        healthy ? 200 : 503,
        'application/json',
        JSON.stringify({ status: healthy ? 'ok' : 'stopping' }),
      )
    } else if (path === '/ready' && whyNotReady) {
      const why = whyNotReady()
      const status = why === null ? { status: 'ready' } : { status: 'not ready', reason: why }
      send(response, why === null ? 200 : 503, 'application/json', JSON.stringify(status))
    } else {
      const ready = whyNotReady ? ', /health and /ready' : ' and /health'
      send(response, 404, 'text/plain; charset=utf-8', `Served here: /metrics${ready}.\n`)
    }
  }

  return {
    name: 'metrics endpoint',
    async start() {
      if (port === 0) return
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen({ port, host }, () => {
          server.off('error', reject)
          resolve()
        })
      })
      log.info('metrics endpoint listens', { host, port })
    },
    async stop() {
      if (!server.listening) return
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections() // scrapers keep theirs open
      await closed
    },
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  })
  response.end(body)
}
