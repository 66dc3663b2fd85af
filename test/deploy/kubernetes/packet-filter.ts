import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import { selects } from './label-selector.ts'
import { type Endpoint, policiesFor, rulesOf } from './network-policy.ts'

/**
 * What a network plugin would make of the policies for one pod: rules of iptables for its own network namespace, as iptables-restore reads them.
 * Written apart from the evaluator, which knows addresses and no packets: the kernel decides here.
 */
export function packetFilter(
  policies: readonly INetworkPolicy[],
  self: Endpoint,
  all: readonly Endpoint[],
): string {
  const lines = [
    '*filter',
    ':INPUT ACCEPT',
    ':OUTPUT ACCEPT',
    '-A INPUT -i lo -j ACCEPT',
    '-A OUTPUT -o lo -j ACCEPT',
  ]
  for (const chain of ['INPUT', 'OUTPUT'])
    lines.push(`-A ${chain} -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT`)
  const chains: string[] = []
  for (const { ip } of all.filter(({ isNode }) => isNode))
    lines.push(`-A INPUT -s ${ip} -j ACCEPT`, `-A OUTPUT -d ${ip} -j ACCEPT`)

  for (const [direction, chain, flag] of [
    ['Ingress', 'INPUT', '-s'],
    ['Egress', 'OUTPUT', '-d'],
  ] as const) {
    const mine = self.pod ? policiesFor(direction, policies, self.pod) : []
    if (mine.length === 0) continue
    for (const policy of mine)
      for (const { peers, ports } of rulesOf(direction, policy))
        for (const place of addresses(peers, policy.metadata?.namespace, all, flag))
          for (const port of portMatches(ports, direction === 'Ingress' ? self : place.endpoint)) {
            const target = place.except.length > 0 ? `B${String(chains.length)}` : 'ACCEPT'
            if (target !== 'ACCEPT')
              chains.push(
                `:${target} -`,
                ...place.except.map((cidr) => `-A ${target} ${flag} ${cidr} -j RETURN`),
                `-A ${target} -j ACCEPT`,
              )
            lines.push(`-A ${chain} ${place.match} ${port} -j ${target}`)
          }
    lines.push(`-A ${chain} -p tcp -j REJECT --reject-with tcp-reset`, `-A ${chain} -j REJECT`)
  }
  const declared = chains.filter((line) => line.startsWith(':'))
  const filled = chains.filter((line) => !line.startsWith(':'))
  return [...lines.slice(0, 3), ...declared, ...lines.slice(3), ...filled, 'COMMIT', ''].join('\n')
}

type Peers = ReturnType<typeof rulesOf>[number]['peers']
type Ports = ReturnType<typeof rulesOf>[number]['ports']

interface Match {
  match: string
  except: string[]
  /** Null for addresses that are no pod's. */
  endpoint: Endpoint | null
}

/** The pods and networks that peers mean, each as a match of iptables. */
function addresses(peers: Peers, namespace: string | undefined, all: readonly Endpoint[], flag: '-s' | '-d') {
  if (!peers?.length) return [{ match: '', except: [], endpoint: null }]
  return peers.flatMap<Match>(({ ipBlock, podSelector, namespaceSelector }) => {
    if (ipBlock) {
      if (ipBlock.cidr.includes(':')) return [] // nobody here has an IPv6 address
      return [{ match: `${flag} ${ipBlock.cidr}`, except: ipBlock.except ?? [], endpoint: null }]
    }
    return all
      .filter(
        ({ pod }) =>
          pod !== null &&
          (namespaceSelector
            ? selects(namespaceSelector, pod.namespaceLabels)
            : pod.namespace === namespace) &&
          selects(podSelector ?? {}, pod.labels),
      )
      .map((endpoint) => ({ match: `${flag} ${endpoint.ip}`, except: [], endpoint }))
  })
}

/** Ports as matches of iptables. `to`: whose names they may be; null for who has none. */
function portMatches(ports: Ports, to: Endpoint | null): string[] {
  if (!ports?.length) return ['']
  return ports.flatMap(({ protocol = 'TCP', port, endPort }) => {
    const number = typeof port === 'string' ? to?.pod?.ports[port]?.port : port
    if (port !== undefined && number === undefined) return []
    const range =
      number === undefined ? '' : `--dport ${String(number)}${endPort ? `:${String(endPort)}` : ''}`
    return [`-p ${protocol.toLowerCase()} ${range}`]
  })
}
