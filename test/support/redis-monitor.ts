import { connect } from 'node:net'
import { cleanUp } from './clean-up.ts'
import { waitFor } from './wait-for.ts'

/**
 * The text of all commands that a Redis hears from now to the end of the test, from whomever, a line each (https://redis.io/commands/monitor).
 * Not by ioredis' monitor(): when a command comes in one packet with the answer to MONITOR, it throws, and leaves a connection that nobody can close.
 */
export async function monitorRedis(url: string): Promise<() => string> {
  const { hostname, port, password, pathname } = new URL(url)
  const socket = connect(Number(port), hostname).setEncoding('utf8')
  cleanUp(() => socket.destroy())
  let heard = ''
  socket.on('data', (text: string) => (heard += text))
  // the index counts as well: by it testRedis() tells whose connection was left open, and index 0 is another worker's
  socket.write(`AUTH ${password}\r\nSELECT ${pathname.slice(1)}\r\nMONITOR\r\n`)
  await waitFor(() => heard.startsWith('+OK\r\n+OK\r\n+OK\r\n'))
  return () => heard
}
