/*
 * One machine of network-live.test.ts, started in a network namespace of its own: listens on the ports of its first argument (JSON), says `ready`, and
 * then tries, for each line of its input (JSON), to connect somewhere: `permitted`, `refused`, or `no answer`, which is neither. Ends with its input.
 */
import { createSocket } from 'node:dgram'
import { createServer, connect } from 'node:net'
import { createInterface } from 'node:readline'

interface Ports {
  tcp: number[]
  udp: number[]
}
interface Target {
  ip: string
  port: number
  protocol: 'TCP' | 'UDP' | 'SCTP'
}
type Outcome = 'permitted' | 'refused' | 'no answer'

/** Refusals come at once; this is for machines that are busy. */
const answerDeadlineMs = 10_000

const { tcp, udp } = JSON.parse(process.argv[2] ?? '{}') as Ports
await Promise.all([
  ...tcp.map(
    (port) =>
      new Promise<void>((resolve) => {
        createServer((socket) => socket.on('error', () => undefined).end('hello')).listen(
          port,
          '0.0.0.0',
          resolve,
        )
      }),
  ),
  ...udp.map(
    (port) =>
      new Promise<void>((resolve) => {
        const socket = createSocket('udp4', (message, from) => socket.send(message, from.port, from.address))
        socket.bind(port, resolve)
      }),
  ),
])
process.stdout.write('ready\n')
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const targets = JSON.parse(line) as Target[]
    void Promise.all(targets.map(attempt)).then((outcomes) =>
      process.stdout.write(`${JSON.stringify(outcomes)}\n`),
    )
  })
  .on('close', () => process.exit(0))

function attempt({ ip, port, protocol }: Target): Promise<Outcome> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => end('no answer'), answerDeadlineMs)
    let close = (): void => undefined
    const end = (outcome: Outcome): void => {
      clearTimeout(timer)
      close()
      resolve(outcome)
    }
    if (protocol === 'TCP') {
      const socket = connect(port, ip)
      close = () => socket.destroy()
      socket.on('data', () => end('permitted')).on('error', (error) => end(outcomeOf(error)))
    } else {
      const socket = createSocket('udp4')
      let isOpen = true
      close = () => {
        if (isOpen) socket.close()
        isOpen = false
      }
      socket.on('message', () => end('permitted')).on('error', (error) => end(outcomeOf(error)))
      socket.connect(port, ip, () => {
        if (isOpen) socket.send('hello', (error) => error && end(outcomeOf(error)))
      })
    }
  })
}

/** A packet filter's refusal arrives as that of a closed port, or as a send that is not permitted. */
const outcomeOf = (error: Error): Outcome =>
  'code' in error && (error.code === 'ECONNREFUSED' || error.code === 'EPERM') ? 'refused' : 'no answer'
