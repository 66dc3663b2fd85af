import ipaddr from 'ipaddr.js'

export type Address = ipaddr.IPv4 | ipaddr.IPv6

/**
 * What an address is for (the special-purpose registries of IANA, RFC 6890). `metadata`: where clouds tell a machine its credentials. `special`: all
 * else that is no address of one machine on the internet: multicast, broadcast, documentation, reserved, and tunnels that lead who knows where.
 */
export type AddressKind = 'public' | 'private' | 'loopback' | 'link-local' | 'metadata' | 'special'

/** AWS (also ECS, and over IPv6), Google Cloud over IPv6, Alibaba, Oracle, Azure: some of them stand in networks that are otherwise private, or public. */
const metadataAddresses = new Set(
  [
    ...[
      '169.254.169.254',
      '169.254.170.2',
      '169.254.170.23',
      '100.100.100.200',
      '192.0.0.192',
      '168.63.129.16',
    ],
    ...['fd00:ec2::254', 'fd00:ec2::23', 'fd20:ce::254'],
  ].map((text) => ipaddr.parse(text).toString()),
)

/** Where all public IPv6 addresses are up to now. */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3')

/** Of NAT64 (RFC 6052): who connects to it reaches the IPv4 address in its last 32 bits. */
const nat64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96')

/**
 * The address that is reached by an address as text: IPv4 within IPv6 (`::ffff:10.0.0.1`, NAT64) counts as what it is. Null for what is no address, also
 * for the short, octal and hexadecimal spellings of IPv4: a URL never has those.
 */
export function toAddress(text: string): Address | null {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text)
  if (!ipaddr.IPv6.isValid(text)) return null
  const address = ipaddr.IPv6.parse(text)
  if (address.isIPv4MappedAddress()) return address.toIPv4Address()
  if (address.match(nat64)) return new ipaddr.IPv4(address.toByteArray().slice(-4))
  return address
}

export function kindOf(address: Address): AddressKind {
  if (metadataAddresses.has(withoutZone(address).toString())) return 'metadata'
  switch (address.range()) {
    case 'unicast':
      return address.kind() === 'ipv4' || (address as ipaddr.IPv6).match(globalUnicast) ? 'public' : 'special'
    case 'private':
    case 'carrierGradeNat':
    case 'uniqueLocal':
      return 'private'
    case 'loopback':
      return 'loopback'
    case 'linkLocal':
      return 'link-local'
    default:
      return 'special'
  }
}

/** `fe80::1%eth0` is `fe80::1`, on that interface. */
const withoutZone = (address: Address): Address =>
  address.kind() === 'ipv6' ? new ipaddr.IPv6(address.toByteArray()) : address
