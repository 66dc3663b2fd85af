import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { cleanUp } from '../support/clean-up.ts'

/** A name server that knows all names by the same IPv4 addresses, which may change. @returns its port on 127.0.0.1 */
export async function startNameServer(addresses: () => readonly string[]): Promise<number> {
  const socket = createSocket('udp4')
  socket.on('message', (query, from) => {
    const question = query.subarray(12, query.indexOf(0, 12) + 5)
    const isForIpv4 = question.readUInt16BE(question.length - 4) === 1
    const answers = (isForIpv4 ? addresses() : []).map((address) =>
      // Its name by reference, type A, class IN, TTL 1 s (RFC 1035, 4.1.3).
      Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ...address.split('.').map(Number)]),
    )
    const header = Buffer.alloc(12)
    query.copy(header, 0, 0, 2)
    header.writeUInt16BE(0x8180, 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(answers.length, 6)
    socket.send(Buffer.concat([header, question, ...answers]), from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  cleanUp(() => socket.close())
  return socket.address().port
}
