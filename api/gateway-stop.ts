import { setMaxListeners } from 'node:events'
import type { Server } from 'node:http'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import type { Component } from '../core/lifecycle.ts'
import type { Logger } from '../core/logger.ts'
import { within } from '../core/within.ts'

/** How a gateway leaves: first it says so and goes on serving, so that a load balancer sees it; then it takes no more, and lets go of who waits. */
export interface GatewayStop {
  /** True from SIGTERM on. */
  isStopping(): boolean
  /** Aborts when the gateway takes no more connections: streams and waits end, and their clients go on elsewhere. */
  closing: AbortSignal
  begin(): void
  close(): void
}

export function makeGatewayStop(): GatewayStop {
  const closing = new AbortController()
  setMaxListeners(0, closing.signal) // each stream listens
  let isStopping = false
  return {
    isStopping: () => isStopping,
    closing: closing.signal,
    begin() {
      isStopping = true
    },
    close() {
      isStopping = true
      closing.abort('closing')
    },
  }
}

/** How long requests in flight may take once no more are taken: slow clients, and what hangs. */
const lastRequestsMs = 5000
const idleLookMs = 50
/** How long remote nodes may take to find another gateway, after the balancer has noticed that this one stops. */
const nodesDeadlineMs = 5000

/** The gateway's ports, from `start` until the last request is answered. `delayMs`: how long it goes on serving after SIGTERM. */
export function makeListener(
  server: Server,
  options: {
    port: number
    host: string
    delayMs: number
    /** They start before, and stop at the same time. */
    grpc: readonly { start(): Promise<number>; stop(): Promise<void> }[]
    /** Asks remote nodes to go to another gateway; resolves when they have. */
    sendNodesAway: () => Promise<unknown>
    stop: GatewayStop
    log: Logger
  },
): Component {
  const { port, host, delayMs, grpc, sendNodesAway, stop, log } = options
  return {
    name: 'http and grpc',
    async start() {
      const grpcPorts: number[] = []
      for (const one of grpc) grpcPorts.push(await one.start())
      await listen(server, port, host)
      log.info('gateway listens', { address: server.address(), grpcPorts })
    },
    async stop() {
      stop.begin()
      const left = sendNodesAway()
      await delay(delayMs)
      await within(nodesDeadlineMs, left)
      const closed = closeServer(server)
      stop.close()
      await Promise.all([closed, ...grpc.map((one) => one.stop())])
    },
  }
}

/** Takes no more connections, and resolves when the requests in flight are answered. */
async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<true>((resolve) => server.close(() => resolve(true)))
  const deadline = performance.now() + lastRequestsMs
  // A connection whose answer was on its way already when the stop came stays open behind it.
  while (!(await Promise.race([closed, delay(idleLookMs, false)]))) {
    if (performance.now() < deadline) server.closeIdleConnections()
    else server.closeAllConnections()
  }
}

function listen(on: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    on.once('error', reject)
    on.listen({ port, host, backlog: 1024 }, () => {
      on.off('error', reject)
      resolve()
    })
  })
}
