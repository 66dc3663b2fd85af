import ipaddr from 'ipaddr.js'
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import type { INetworkPolicyEgressRule } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicyEgressRule'
import type { INetworkPolicyIngressRule } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicyIngressRule'
import type { INetworkPolicyPeer } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicyPeer'
import type { INetworkPolicyPort } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicyPort'
import { selects } from './label-selector.ts'

/*
 * What a set of NetworkPolicies permits, by the words of the API (networking.k8s.io/v1): both ends must permit a connection; a pod that no policy of
 * a direction selects permits all of it; the rules of those that do add up. Answers to what was permitted go without saying.
 */

export type Protocol = 'TCP' | 'UDP' | 'SCTP'

/** A pod, or an address that is none (`pod` null): a machine, a managed store, the internet. */
export interface Endpoint {
  name: string
  ip: string
  pod: Pod | null
  /** The machine that the pods run on; what comes from it, as the kubelet's probes do, is always permitted. */
  isNode?: boolean
}

export interface Pod {
  namespace: string
  namespaceLabels: Record<string, string>
  labels: Record<string, string>
  /** Its ports that have a name. */
  ports: Record<string, { protocol: Protocol; port: number }>
}

export interface Connection {
  from: Endpoint
  to: Endpoint
  protocol: Protocol
  port: number
}

/** @throws Error for a policy that the API would refuse, or that nobody can mean */
export function permits(policies: readonly INetworkPolicy[], connection: Connection): boolean {
  for (const policy of policies) if (!valid.has(policy)) assertValid(policy)
  const { from, to } = connection
  if (from === to) return true // a pod can't be kept from itself
  return (
    (from.isNode === true || isPermitted('Ingress', policies, connection)) &&
    (to.isNode === true || isPermitted('Egress', policies, connection))
  )
}

type Direction = 'Ingress' | 'Egress'
type Rule = { peers: INetworkPolicyPeer[] | undefined; ports: INetworkPolicyPort[] | undefined }

/** The policies of a direction that select a pod. */
export const policiesFor = (
  direction: Direction,
  policies: readonly INetworkPolicy[],
  pod: Pod,
): INetworkPolicy[] =>
  policies.filter(
    (policy) =>
      policy.metadata?.namespace === pod.namespace &&
      typesOf(policy).includes(direction) &&
      selects(policy.spec?.podSelector ?? {}, pod.labels),
  )

export function rulesOf(direction: Direction, { spec }: INetworkPolicy): Rule[] {
  if (direction === 'Ingress')
    return (spec?.ingress ?? []).map((rule: INetworkPolicyIngressRule) => ({
      peers: rule.from,
      ports: rule.ports,
    }))
  return (spec?.egress ?? []).map((rule: INetworkPolicyEgressRule) => ({ peers: rule.to, ports: rule.ports }))
}

function isPermitted(
  direction: Direction,
  policies: readonly INetworkPolicy[],
  connection: Connection,
): boolean {
  const { from, to } = connection
  const [self, other] = direction === 'Ingress' ? [to, from] : [from, to]
  if (!self.pod) return true // no policy speaks of it
  const mine = policiesFor(direction, policies, self.pod)
  return (
    mine.length === 0 ||
    mine.some((policy) =>
      rulesOf(direction, policy).some(
        ({ peers, ports }) =>
          (!peers?.length ||
            peers.some((peer) => isPeer(peer, other, policy.metadata?.namespace ?? 'default'))) &&
          (!ports?.length || ports.some((port) => isPort(port, connection))),
      ),
    )
  )
}

/** By default that of ingress, and of egress if there is a rule for it. */
const typesOf = ({ spec }: INetworkPolicy): readonly Direction[] =>
  spec?.policyTypes ?? (spec?.egress?.length ? ['Ingress', 'Egress'] : ['Ingress'])

function isPeer(
  { ipBlock, podSelector, namespaceSelector }: INetworkPolicyPeer,
  { ip, pod }: Endpoint,
  namespace: string,
): boolean {
  if (ipBlock) return isWithin(ip, ipBlock.cidr) && !(ipBlock.except ?? []).some((cidr) => isWithin(ip, cidr))
  if (!pod) return false
  const isInNamespace = namespaceSelector
    ? selects(namespaceSelector, pod.namespaceLabels)
    : pod.namespace === namespace
  return isInNamespace && (!podSelector || selects(podSelector, pod.labels))
}

function isPort({ protocol = 'TCP', port, endPort }: INetworkPolicyPort, connection: Connection): boolean {
  if (protocol !== connection.protocol) return false
  if (port === undefined) return true
  if (typeof port === 'number') return connection.port >= port && connection.port <= (endPort ?? port)
  const named = connection.to.pod?.ports[port] // of whoever is connected to, in both directions
  return named?.protocol === connection.protocol && named.port === connection.port
}

/** False for an address of another family. */
export function isWithin(ip: string, cidr: string): boolean {
  const address = ipaddr.parse(ip)
  const [network, bits] = ipaddr.parseCIDR(cidr)
  return address.kind() === network.kind() && (address as ipaddr.IPv4).match(network, bits)
}

/** Those that were looked at. */
const valid = new WeakSet<INetworkPolicy>()

function assertValid(policy: INetworkPolicy): void {
  const fail = (what: string): never => {
    throw new Error(`NetworkPolicy ${policy.metadata?.name ?? '(without a name)'}: ${what}`)
  }
  if (!policy.metadata?.namespace) fail('is in no namespace')
  for (const { peers, ports } of [...rulesOf('Ingress', policy), ...rulesOf('Egress', policy)]) {
    for (const { ipBlock, podSelector, namespaceSelector } of peers ?? []) {
      if (!ipBlock && !podSelector && !namespaceSelector) fail('has a peer that names nothing')
      if (!ipBlock) continue
      if (podSelector ?? namespaceSelector) fail('has a peer with ipBlock and a selector')
      const bits = (cidr: string) => ipaddr.parseCIDR(cidr)[1]
      for (const except of ipBlock.except ?? [])
        if (!isWithin(except.split('/')[0] ?? '', ipBlock.cidr) || bits(except) <= bits(ipBlock.cidr))
          fail(`excepts ${except}, which is not within ${ipBlock.cidr}`)
    }
    for (const { port, endPort } of ports ?? []) {
      if (endPort === undefined) continue
      if (typeof port !== 'number') fail('has an endPort without a numeric port')
      else if (endPort < port) fail(`has the ports ${String(port)} to ${String(endPort)}`)
    }
  }
  valid.add(policy)
}
