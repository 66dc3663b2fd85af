import { lookup as lookUp } from 'node:dns/promises'
import { connect, isIP, type Socket } from 'node:net'
import type { AddressKind } from './address-kind.ts'
import type { NetworkPolicy } from './network-rules.ts'

/** As dns.lookup with `all`: the addresses of a name, as the system resolves it. */
export type Lookup = (host: string) => Promise<{ address: string; family: number }[]>

/** A connection that the policy does not permit. */
export class PlaceNotPermitted extends Error {
  readonly kind: AddressKind

  constructor(host: string, port: number, kind: AddressKind) {
    const place =
      kind === 'public'
        ? `port ${String(port)} of a public address`
        : `${/^[aeiou]/.test(kind) ? 'an' : 'a'} ${kind} address`
    super(`${host} is ${kind === 'public' ? 'to be reached at' : 'at'} ${place}`)
    this.name = 'PlaceNotPermitted'
    this.kind = kind
  }
}

/** Connects to a host and port, or aborts. */
export type CheckedConnect = (place: { host: string; port: number }, signal: AbortSignal) => Promise<Socket>

/** The system resolves names in threads that files need too: some are left to them. */
const mostLookups = 2

/**
 * Makes connections only to what the policy permits. A name is resolved once; each of its addresses must be permitted, the connection goes to one of
 * them, and the address of the connected socket is looked at again: so a name server that answers differently each time gains nothing.
 * @throws PlaceNotPermitted; what connecting throws
 */
export function makeCheckedConnect(policy: NetworkPolicy, lookup: Lookup = systemLookup): CheckedConnect {
  const inTurn = makeTurns(mostLookups)

  return async ({ host, port }, signal) => {
    const check = (address: string): void => {
      const kind = policy(host, address, port)
      if (kind !== null) throw new PlaceNotPermitted(host, port, kind)
    }
    const family = isIP(host)
    const addresses =
      family === 0
        ? await orAbort(
            inTurn(() => lookup(host)),
            signal,
          )
        : [{ address: host, family }]
    if (addresses.length === 0) throw new Error(`${host} has no address.`)
    for (const { address } of addresses) check(address)
    signal.throwIfAborted()

    const socket = connect({
      host,
      port,
      // Called for names only. The addresses that were checked, and no others.
      lookup(_name, { all }, answer) {
        const [first] = addresses
        if (all) answer(null, addresses)
        else answer(null, first?.address ?? '', first?.family)
      },
    })
    const abort = (): void => void socket.destroy()
    signal.addEventListener('abort', abort)
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve).once('error', reject)
        socket.once('close', () => reject(new Error(`The connection to ${host} was closed.`)))
      })
      check(socket.remoteAddress ?? '')
      return socket
    } catch (error) {
      socket.destroy()
      throw error
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }
}

const systemLookup: Lookup = (host) => lookUp(host, { all: true })

/** The work can't be stopped; it is only waited for no longer. */
async function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  let stop = (): void => undefined
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(new Error('Aborted.'))
    signal.addEventListener('abort', stop)
  })
  work.catch(() => undefined)
  return Promise.race([work, aborted]).finally(() => signal.removeEventListener('abort', stop))
}

/** Runs at most so many at once; the others wait their turn. */
function makeTurns(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0
  const waiting: (() => void)[] = []
  return async (work) => {
    if (running < most) running++
    else await new Promise<void>((resolve) => waiting.push(resolve)) // takes over the place of the one that ends
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}
