import { BlockList, isIPv6 } from 'node:net'

/**
 * Who may read metrics: true for addresses in `networks` (`address/prefix`, or one address), IPv4 also as IPv4-mapped IPv6.
 * @throws Error naming the entry of METRICS_NETWORKS that is no network; the process does not start then
 */
export function makeMetricsReaders(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', prefix] = network.split('/')
    const isV6 = isIPv6(address)
    try {
      list.addSubnet(
        address,
        prefix === undefined ? (isV6 ? 128 : 32) : Number(prefix),
        isV6 ? 'ipv6' : 'ipv4',
      )
    } catch (error) {
      throw new Error(`METRICS_NETWORKS: ${network} is not a network such as 10.0.0.0/8.`, { cause: error })
    }
  }
  return (text) => {
    const address = text.replace(/^::ffff:(?=\d+\.)/, '')
    return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
  }
}
