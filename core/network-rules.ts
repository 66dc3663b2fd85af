import type ipaddr from 'ipaddr.js'
import { type Address, type AddressKind, kindOf, toAddress } from './address-kind.ts'

/** What may be connected to. */
export interface NetworkRule {
  to:
    | { kind: 'public' }
    /** A host by its name, lower case; `withBelow` for all hosts below it, and not itself. */
    | { kind: 'name'; name: string; withBelow: boolean }
    | { kind: 'network'; address: Address; bits: number }
  /** Null: any. */
  port: number | null
}

/** The ports of public addresses that `public` alone means. Others are those of mail, databases and the like, which would take a request for something else. */
const publicPorts: readonly number[] = [80, 443, 8080, 8443]

const namePattern =
  /^(?=.{1,253}$)(\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z_](?:[a-z0-9_-]{0,61}[a-z0-9])?$/

/**
 * Reads `public`, a host's name (`api.internal`, `*.internal`), an address or a network (`10.0.0.0/8`), each with an optional port: `10.0.0.0/8:8080`,
 * `[fd00::/8]:443`.
 * @throws Error saying what is wrong with it
 */
export function parseNetworkRule(text: string): NetworkRule {
  const [host, port] = splitPort(text.toLowerCase())
  if (port !== null && !(Number(port) >= 1 && Number(port) <= 65_535))
    throw new Error(`${text} has a port that is none`)
  return { to: parseHost(host, text), port: port === null ? null : Number(port) }
}

function splitPort(text: string): [host: string, port: string | null] {
  const [, inBrackets, portBehind] = /^\[([^\]]*)\](?::(\d*))?$/.exec(text) ?? []
  if (inBrackets !== undefined) return [inBrackets, portBehind ?? null]
  const at = text.indexOf(':')
  if (at < 0 || text.indexOf(':', at + 1) >= 0) return [text, null] // IPv6, without a port
  return [text.slice(0, at), text.slice(at + 1)]
}

function parseHost(host: string, text: string): NetworkRule['to'] {
  if (host === 'public') return { kind: 'public' }
  const [network = '', bits, ...rest] = host.split('/')
  const address = toAddress(network)
  if (address) {
    const mostBits = address.kind() === 'ipv4' ? 32 : 128
    if (bits === undefined) return { kind: 'network', address, bits: mostBits }
    if (rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= mostBits)
      return { kind: 'network', address, bits: Number(bits) }
    throw new Error(`${text} is no network; write it as 10.0.0.0/8 or fd00::/8`)
  }
  const name = host.replace(/\.$/, '')
  if (!namePattern.test(name))
    throw new Error(`${text} is neither \`public\`, a host's name, an address nor a network`)
  const withBelow = name.startsWith('*.')
  return { kind: 'name', name: withBelow ? name.slice(2) : name, withBelow }
}

/** Null when a connection is permitted, else what kind of place is not. `host`: as a URL has it, lower case, without brackets. */
export type NetworkPolicy = (host: string, address: string, port: number) => AddressKind | null

/** Every rule permits more. A host's name permits private and loopback addresses too, link-local ones only a network does, and metadata services only their own address. */
export function makeNetworkPolicy(rules: readonly NetworkRule[]): NetworkPolicy {
  return (host, text, port) => {
    const address = toAddress(text)
    if (!address) return 'special'
    const kind = kindOf(address)
    const name = host.replace(/\.$/, '')
    const isPermitted = rules.some((rule) => {
      if (rule.port !== null && rule.port !== port) return false
      switch (rule.to.kind) {
        case 'public':
          return kind === 'public' && (rule.port !== null || publicPorts.includes(port))
        case 'network':
          return (kind !== 'metadata' || isWhole(rule.to)) && isWithin(address, rule.to)
        case 'name':
          return (
            ['public', 'private', 'loopback'].includes(kind) &&
            (rule.to.withBelow ? name.endsWith(`.${rule.to.name}`) : name === rule.to.name)
          )
      }
    })
    return isPermitted ? null : kind
  }
}

const isWhole = ({ address, bits }: { address: Address; bits: number }): boolean =>
  bits === (address.kind() === 'ipv4' ? 32 : 128)

const isWithin = (address: Address, network: { address: Address; bits: number }): boolean =>
  address.kind() === network.address.kind() && (address as ipaddr.IPv4).match(network.address, network.bits)
