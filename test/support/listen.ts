import { once } from 'node:events'
import type { Server, Socket } from 'node:net'
import { cleanUp } from './clean-up.ts'

export interface Listening {
  port: number
  /** With the port, such as `127.0.0.1:4711`. */
  address: string
  /** Before the test is over. */
  close(): Promise<void>
}

/** Has a server listen on a free port until the test is over; what is connected to it then is cut off. */
export async function listen(server: Server, host = '127.0.0.1'): Promise<Listening> {
  const open = new Set<Socket>()
  server.on('connection', (socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  server.listen(0, host)
  await once(server, 'listening')
  async function close(): Promise<void> {
    if (!server.listening) return
    for (const socket of open) socket.destroy()
    server.close()
    await once(server, 'close')
  }
  cleanUp(close)
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('The server has no port.')
  return { port: bound.port, address: `${host}:${String(bound.port)}`, close }
}
