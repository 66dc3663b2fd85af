import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { listen } from '../support/listen.ts'

/** What is done to a request: it passes, or */
export type Fault =
  | 'pass'
  /** is cut off before the gateway sees it; */
  | 'lose-request'
  /** is cut off when the gateway has answered; */
  | 'lose-answer'
  /** gets only the first bytes of its answer, and is cut off then; */
  | { cutAfterBytes: number }
  /** is answered here. */
  | { status: number; headers?: Record<string, string>; body?: string }
  /** is let through, but of its answer nothing comes. */
  | 'hold-answer'

export interface FaultyGateway {
  url: string
  /** All that came, in order, such as `POST /v1/jobs`, with their headers. */
  requests: { line: string; headers: IncomingMessage['headers'] }[]
  /** What is to be done to the next requests that `matches` finds by method and path, one by one; the others pass. */
  plan(matches: RegExp, faults: readonly Fault[]): void
  /** Cuts off all that is under way. */
  cut(): void
}

/** In which a client reads what was sent before the cut: what it has not read by then `fetch` throws away. */
const arrivalMs = 30

/** Between a client and the gateway. It is closed after the test. */
export async function openFaultyGateway(target: string): Promise<FaultyGateway> {
  const requests: FaultyGateway['requests'] = []
  const plans: { matches: RegExp; faults: Fault[] }[] = []

  const server = createServer((incoming, outgoing) => {
    const line = `${incoming.method ?? ''} ${incoming.url ?? ''}`
    requests.push({ line, headers: incoming.headers })
    const fault = plans.find(({ matches, faults }) => faults.length > 0 && matches.test(line))?.faults.shift()
    serve(target, incoming, outgoing, fault ?? 'pass')
  })
  const { address } = await listen(server)
  return {
    url: `http://${address}`,
    requests,
    plan(matches, faults) {
      plans.push({ matches, faults: [...faults] })
    },
    cut() {
      server.closeAllConnections()
    },
  }
}

function serve(target: string, incoming: IncomingMessage, outgoing: ServerResponse, fault: Fault): void {
  if (fault === 'lose-request') {
    incoming.socket.destroy()
    return
  }
  if (typeof fault === 'object' && 'status' in fault) {
    incoming.resume()
    outgoing.writeHead(fault.status, fault.headers).end(fault.body)
    return
  }
  const { method = 'GET', headers } = incoming
  const passedOn = request(new URL(incoming.url ?? '', target), { method, headers }, (answer) => {
    if (fault === 'hold-answer') return void answer.resume()
    if (fault === 'lose-answer') {
      answer.resume().on('end', () => incoming.socket.destroy())
      return
    }
    outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
    outgoing.flushHeaders()
    if (fault === 'pass') {
      answer.pipe(outgoing)
      return
    }
    let left = fault.cutAfterBytes
    answer.on('data', (piece: Buffer) => {
      if (left <= 0) return
      outgoing.write(piece.subarray(0, left))
      left -= piece.length
      if (left <= 0) setTimeout(() => incoming.socket.destroySoon(), arrivalMs)
    })
    answer.on('end', () => incoming.socket.destroySoon())
  })
  passedOn.on('error', () => incoming.socket.destroy())
  outgoing.on('close', () => passedOn.destroy())
  incoming.pipe(passedOn)
}
