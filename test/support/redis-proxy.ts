import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { cleanUp } from './clean-up.ts'

/** Between a client and Redis; what it has open at `goDeaf` stays open and carries nothing any more. */
export async function openRedisProxy(redisUrl: string): Promise<{ url: string; goDeaf(): void }> {
  const { hostname, port } = new URL(redisUrl)
  const open = new Set<Socket>()
  const server = createServer((client) => {
    const redis = connect(Number(port), hostname)
    for (const socket of [client, redis]) {
      open.add(socket)
      socket.on('error', () => undefined).on('close', () => open.delete(socket))
    }
    client.pipe(redis).pipe(client)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanUp(async () => {
    for (const socket of open) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  const address = server.address()
  const url = new URL(redisUrl)
  url.host = `127.0.0.1:${String(typeof address === 'object' ? address?.port : 0)}`
  return {
    url: url.href,
    goDeaf() {
      for (const socket of open) socket.unpipe().pause()
    },
  }
}
