import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import type { INetworkPolicySpec } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicySpec'
import { type Connection, type Endpoint, permits } from './network-policy.ts'

const policy = (spec: INetworkPolicySpec, namespace = 'a'): INetworkPolicy => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'p', namespace },
  spec,
})
const pod = (namespace: string, app: string, ip: string): Endpoint => ({
  name: `${namespace}/${app}`,
  ip,
  pod: {
    namespace,
    namespaceLabels: { name: namespace },
    labels: { app },
    ports: { web: { protocol: 'TCP', port: 80 } },
  },
})
const web = pod('a', 'web', '10.0.0.1')
const client = pod('a', 'client', '10.0.0.2')
const namesake = pod('b', 'client', '10.0.0.3')
const outside: Endpoint = { name: 'outside', ip: '192.0.2.7', pod: null }
const connect = (
  from: Endpoint,
  to: Endpoint,
  port = 80,
  protocol: Connection['protocol'] = 'TCP',
): Connection => ({ from, to, port, protocol })
const app = (name: string) => ({ matchLabels: { app: name } })
const inNamespace = (name: string) => ({ matchLabels: { name } })

test('without a policy all is permitted; one that selects a pod closes its direction and no other', () => {
  expect(permits([], connect(outside, web))).toBe(true)
  const closed = [policy({ podSelector: app('web'), policyTypes: ['Ingress'] })]
  expect(permits(closed, connect(client, web))).toBe(false)
  expect(permits(closed, connect(web, client))).toBe(true)
  expect(permits(closed, connect(web, web))).toBe(true)
  expect(permits(closed, connect({ ...outside, isNode: true }, web))).toBe(true)
})

test('policyTypes are Ingress by default, and Egress where there is a rule for it', () => {
  expect(permits([policy({ podSelector: {} })], connect(web, outside))).toBe(true)
  expect(permits([policy({ podSelector: {}, egress: [] })], connect(web, outside))).toBe(true)
  const toNobody = policy({ podSelector: {}, egress: [{ to: [{ ipBlock: { cidr: '198.51.100.0/24' } }] }] })
  expect(permits([toNobody], connect(web, outside))).toBe(false)
  expect(permits([toNobody], connect(outside, web))).toBe(false)
})

test('selectors in one peer both hold, in two peers either does, and alone mean this namespace or all pods of others', () => {
  const from = (...peers: NonNullable<NonNullable<INetworkPolicySpec['ingress']>[number]['from']>) =>
    ['a/client', 'b/client', 'a/other', 'b/other'].filter((name) => {
      const [namespace = '', label = ''] = name.split('/')
      return permits(
        [policy({ podSelector: app('web'), ingress: [{ from: peers }] })],
        connect(pod(namespace, label, '10.0.0.9'), web),
      )
    })
  expect(from({ namespaceSelector: inNamespace('b'), podSelector: app('client') })).toEqual(['b/client'])
  expect(from({ namespaceSelector: inNamespace('b') }, { podSelector: app('client') })).toEqual([
    'a/client',
    'b/client',
    'b/other',
  ])
  expect(from({ podSelector: app('client') })).toEqual(['a/client'])
  expect(from({ podSelector: {} })).toEqual(['a/client', 'a/other'])
  expect(from({ namespaceSelector: {} })).toHaveLength(4)
  expect(
    from({ namespaceSelector: { matchExpressions: [{ key: 'name', operator: 'NotIn', values: ['a'] }] } }),
  ).toEqual(['b/client', 'b/other'])
  expect(from()).toHaveLength(4) // an empty list is everybody
})

test('ports are of one protocol, TCP by default, numbers, ranges or names of the pod connected to', () => {
  const reached = (
    ports: NonNullable<NonNullable<INetworkPolicySpec['egress']>[number]['ports']>,
    to = web,
  ) =>
    permits(
      [policy({ podSelector: app('client'), policyTypes: ['Egress'], egress: [{ ports }] })],
      connect(client, to),
    )
  expect(reached([])).toBe(true)
  expect(reached([{ port: 80 }])).toBe(true)
  expect(reached([{ protocol: 'UDP', port: 80 }])).toBe(false)
  expect(reached([{ port: 79, endPort: 81 }])).toBe(true)
  expect(reached([{ port: 81, endPort: 90 }])).toBe(false)
  expect(reached([{ port: 'web' }])).toBe(true)
  expect(reached([{ port: 'grpc' }])).toBe(false)
  expect(reached([{ port: 'web' }], outside)).toBe(false)
})

test('a policy speaks for its own namespace only', () => {
  expect(permits([policy({ podSelector: {} }, 'b')], connect(client, web))).toBe(true)
  expect(permits([policy({ podSelector: {} }, 'b')], connect(client, namesake))).toBe(false)
})

test.each<[string, INetworkPolicySpec]>([
  ['ipBlock and a selector', { ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8' }, podSelector: {} }] }] }],
  ['not within', { ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/16'] } }] }] }],
  ['endPort', { ingress: [{ ports: [{ port: 'web', endPort: 90 }] }] }],
  ['names nothing', { ingress: [{ from: [{}] }] }],
])('what the API refuses is refused: %s', (message, spec) => {
  expect(() => permits([policy(spec)], connect(client, web))).toThrow(message)
})

test('an ipBlock is its network without the exceptions, as plain arithmetic says', () => {
  const bits = (address: number, prefix: number) => Math.floor(address / 2 ** (32 - prefix))
  const text = (address: number) =>
    [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.')
  const address = fc.integer({ min: 0, max: 2 ** 32 - 1 })
  fc.assert(
    fc.property(
      address,
      fc.integer({ min: 0, max: 24 }),
      fc.array(fc.tuple(address, fc.integer({ min: 25, max: 32 })), { maxLength: 4 }),
      fc.integer({ min: 0, max: 300 }),
      (base, prefix, holes, step) => {
        const size = 2 ** (32 - prefix)
        const first = bits(base, prefix) * size
        const within = holes.map(([offset, length]) => [first + (offset % size), length] as const)
        const cidr = `${text(first)}/${String(prefix)}`
        const except = within.map(
          ([start, length]) => `${text(bits(start, length) * 2 ** (32 - length))}/${String(length)}`,
        )
        const asked = Math.min(2 ** 32 - 1, (within[0]?.[0] ?? first + size - 150) + step) // near a border
        const expected =
          bits(asked, prefix) === bits(first, prefix) &&
          !within.some(([start, length]) => bits(asked, length) === bits(start, length))
        const rules = [policy({ podSelector: {}, egress: [{ to: [{ ipBlock: { cidr, except } }] }] })]
        expect(permits(rules, connect(web, { name: 'x', ip: text(asked), pod: null }))).toBe(expected)
      },
    ),
  )
})

const peer = fc.oneof(
  fc.constantFrom('client', 'web', 'other').map((name) => ({ podSelector: app(name) })),
  fc.constantFrom('a', 'b').map((name) => ({ namespaceSelector: inNamespace(name) })),
  fc
    .constantFrom('a', 'b')
    .map((name) => ({ namespaceSelector: inNamespace(name), podSelector: app('client') })),
  fc.constantFrom('10.0.0.0/30', '192.0.2.0/24').map((cidr) => ({ ipBlock: { cidr } })),
)
const rule = fc.record({ peers: fc.array(peer, { maxLength: 2 }), port: fc.constantFrom(80, 443) })
const somePolicy = fc
  .record({
    podSelector: fc.constantFrom({}, app('web'), app('client')),
    ingress: fc.array(rule, { maxLength: 2 }),
    egress: fc.array(rule, { maxLength: 2 }),
  })
  .map(({ podSelector, ingress, egress }) =>
    policy({
      podSelector,
      policyTypes: ['Ingress', 'Egress'],
      ingress: ingress.map(({ peers, port }) => ({ from: peers, ports: [{ port }] })),
      egress: egress.map(({ peers, port }) => ({ to: peers, ports: [{ port }] })),
    }),
  )
const someConnection = fc
  .tuple(
    fc.constantFrom(web, client, namesake, outside),
    fc.constantFrom(web, client, namesake, outside),
    fc.constantFrom(80, 443),
  )
  .map(([from, to, port]) => connect(from, to, port))

test('rules only add up: the order of policies is all the same, and one more takes nothing away where all was closed', () => {
  const closed = policy({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] })
  fc.assert(
    fc.property(
      fc.array(somePolicy, { maxLength: 4 }),
      somePolicy,
      someConnection,
      (some, more, connection) => {
        const before = permits([closed, ...some], connection)
        expect(permits([...some.toReversed(), closed], connection)).toBe(before)
        if (before) expect(permits([closed, ...some, more], connection)).toBe(true)
        if (!before) expect(permits([closed], connection)).toBe(false)
      },
    ),
  )
})

test('two policies permit what one with the rules of both does', () => {
  fc.assert(
    fc.property(somePolicy, somePolicy, someConnection, (one, other, connection) => {
      const podSelector = {}
      const both = policy({
        ...one.spec,
        podSelector,
        ingress: [...(one.spec?.ingress ?? []), ...(other.spec?.ingress ?? [])],
        egress: [...(one.spec?.egress ?? []), ...(other.spec?.egress ?? [])],
      })
      const apart = [one, other].map(({ spec }) => policy({ ...spec, podSelector }))
      expect(permits(apart, connection)).toBe(permits([both], connection))
    }),
  )
})
