import { once } from 'node:events'
import { createServer, type Socket, connect } from 'node:net'

/** What a link does to the bytes that go over it. `up` is from client to server. */
export type LinkMode =
  | { kind: 'pass' }
  | { kind: 'delay'; ms: number; jitterMs: number }
  /** A partition that heals: bytes wait and arrive late, as TCP sends them again. */
  | { kind: 'hold'; direction: 'up' | 'down' | 'both' }
  /** A black hole: bytes vanish; connections that lost some are reset when it ends. */
  | { kind: 'drop' }
  /** Connections are reset, and new ones too. */
  | { kind: 'cut' }

export interface Proxy {
  port: number
  set(mode: LinkMode): void
  /** Connections that are open. */
  connections(): number
  /** Resets all connections once. */
  reset(): void
  close(): Promise<void>
}

interface Connection {
  pump(): void
  reset(): void
  hasLostBytes(): boolean
}

/** A TCP proxy on loopback, between one process and one store. `targetPort` is asked for each new connection. */
export async function startProxy(targetPort: () => number, random: () => number): Promise<Proxy> {
  const connections = new Set<Connection>()
  let mode: LinkMode = { kind: 'pass' }

  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (mode.kind === 'cut') {
      client.resetAndDestroy()
      return
    }
    const target = connect({ port: targetPort(), host: '127.0.0.1', allowHalfOpen: true })
    const connection = join(client, target)
    connections.add(connection)
    let open = 2
    for (const socket of [client, target])
      socket.once('close', () => {
        if (--open === 0) connections.delete(connection)
      })
  })

  function join(client: Socket, target: Socket): Connection {
    let hasLostBytes = false
    const lose = (): void => {
      hasLostBytes = true
    }
    const pumps = [
      carry(client, target, 'up', { mode: () => mode, random, lose }),
      carry(target, client, 'down', { mode: () => mode, random, lose }),
    ]
    return {
      pump: () => {
        for (const pump of pumps) pump()
      },
      reset() {
        client.resetAndDestroy()
        target.resetAndDestroy()
      },
      hasLostBytes: () => hasLostBytes,
    }
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The proxy has no port.')

  return {
    port: address.port,
    connections: () => connections.size,
    set(next) {
      mode = next
      for (const connection of [...connections]) {
        if (mode.kind === 'cut' || (mode.kind !== 'drop' && connection.hasLostBytes())) connection.reset()
        else connection.pump()
      }
    },
    reset() {
      for (const connection of [...connections]) connection.reset()
    },
    async close() {
      server.close()
      for (const connection of [...connections]) connection.reset()
      await once(server, 'close')
    },
  }
}

/** What waits on its way: bytes, the end of a stream, or its reset. */
interface Parcel {
  what: Buffer | 'end' | 'reset'
  dueMs: number
}

/** Carries one direction of a connection, in order; answers with what looks again after the mode changed. */
function carry(
  from: Socket,
  to: Socket,
  direction: 'up' | 'down',
  link: { mode: () => LinkMode; random: () => number; lose: () => void },
): () => void {
  const waiting: Parcel[] = []
  let timer: NodeJS.Timeout | undefined

  function send(what: Parcel['what']): void {
    const mode = link.mode()
    if (mode.kind === 'drop') {
      link.lose()
      return
    }
    const delayMs = mode.kind === 'delay' ? mode.ms + mode.jitterMs * (2 * link.random() - 1) : 0
    waiting.push({ what, dueMs: Math.max(waiting.at(-1)?.dueMs ?? 0, performance.now() + delayMs) })
    pump()
  }

  // Unlimited on purpose: what one process has under way is small, and back pressure would be a fault of its own.
  function pump(): void {
    clearTimeout(timer)
    const mode = link.mode()
    if (mode.kind === 'hold' && (mode.direction === 'both' || mode.direction === direction)) return
    for (let first = waiting[0]; first; first = waiting[0]) {
      const leftMs = first.dueMs - performance.now()
      if (leftMs > 0) {
        timer = setTimeout(pump, leftMs)
        return
      }
      waiting.shift()
      if (to.destroyed) continue
      if (first.what === 'end') to.end()
      else if (first.what === 'reset') to.resetAndDestroy()
      else to.write(first.what)
    }
  }

  from.on('data', send)
  from.on('end', () => send('end'))
  from.on('error', () => send('reset'))
  from.on('close', () => {
    if (!to.writableEnded) send('end')
  })
  return pump
}
