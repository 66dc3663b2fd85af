import { connect, createServer, type Socket } from 'node:net'
import { listen } from './listen.ts'

/** Stands before one of several servers, like a load balancer that is told where to go. */
export interface SwitchingProxy {
  address: string
  /** New connections lead there from now on. */
  leadTo(address: string): void
  /** What is open now stays open, and carries nothing any more. */
  goDeaf(): void
  /** What is open now ends, and nothing new is let through until it is told where to lead. */
  cut(): void
}

export async function openSwitchingProxy(first: string): Promise<SwitchingProxy> {
  let target = first
  const open = new Set<Socket>()
  const server = createServer((client) => {
    if (target === '') {
      client.destroy()
      return
    }
    const [host = '', port = ''] = target.split(':')
    const upstream = connect(Number(port), host)
    for (const socket of [client, upstream]) open.add(socket)
    client.pipe(upstream).pipe(client)
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const)
      socket
        .on('error', () => undefined)
        .on('close', () => {
          open.delete(socket)
          other.destroy()
        })
  })
  const { address } = await listen(server)
  return {
    address,
    leadTo: (other) => (target = other),
    goDeaf() {
      for (const socket of open) socket.unpipe().pause()
    },
    cut() {
      target = ''
      for (const socket of open) socket.destroy()
    },
  }
}
