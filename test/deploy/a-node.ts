// A stand-in for a gateway, as a process of its own that tests kill and freeze: a-node.ts ADDRESS PORT GRPC_PORT
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'

/** How it is to behave from now on. */
interface Told {
  healthMs?: number
  health?: number
  diesOnPost?: boolean
  holds?: boolean
}

const [address = '', port = '', grpcPort = ''] = process.argv.slice(2)
let healthMs = 0
let health = 200
let diesOnPost = false
/** Answers wait until it is let go. */
let holds = false
const held: (() => void)[] = []
let open = 0
let mostOpen = 0

const server = createServer(
  { keepAliveTimeout: 65_000 },
  (request, response) => void answer(request, response),
)

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://node')
  if (pathname === '/health') {
    await sleep(healthMs)
    response.writeHead(health).end()
    return
  }
  mostOpen = Math.max(mostOpen, ++open)
  response.on('close', () => open--)
  response.setHeader('X-Node', address)
  if (pathname === '/stream') {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    while (!response.destroyed) {
      response.write(`data: ${String(Date.now())}\n\n`)
      await sleep(Number(searchParams.get('everyMs')))
    }
  } else if (diesOnPost && request.method === 'POST') {
    process.exit(1)
  } else {
    await sleep(Number(searchParams.get('ms')))
    if (holds) await new Promise<void>((resolve) => held.push(resolve))
    response.end(
      JSON.stringify({
        address,
        forwarded: request.headers['x-forwarded-for'],
        proto: request.headers['x-forwarded-proto'],
      }),
    )
  }
}
// As gRPC does: a stream that lives, whose answer ends in trailers.
const grpc = createHttp2Server((request, response) => {
  response.writeHead(200, {
    'content-type': 'application/grpc',
    'x-node': address,
    'x-forwarded': request.headers['x-forwarded-for'],
  })
  response.write('begun')
  request
    .on('data', (chunk: Buffer) => response.write(chunk))
    .on('end', () => {
      response.addTrailers({ 'grpc-status': '0' })
      response.end()
    })
})
server.listen({ host: address, port: Number(port), backlog: 4096 })
grpc.listen({ host: address, port: Number(grpcPort) })
await Promise.all([once(server, 'listening'), once(grpc, 'listening')])
process.send?.('listens')
process.on('message', (told: Told) => {
  healthMs = told.healthMs ?? healthMs
  health = told.health ?? health
  diesOnPost = told.diesOnPost ?? diesOnPost
  holds = told.holds ?? holds
  if (!holds) for (const letGo of held.splice(0)) letGo()
  process.send?.({ mostOpen })
  mostOpen = open
})
process.on('disconnect', () => process.exit(0))
