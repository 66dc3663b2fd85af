import { beforeAll, expect, test } from '@jest/globals'
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import { isKustomizeThere, networkPolicies, render, renderWith } from './kustomize.ts'
import { mutants } from './network-mutants.ts'
import { liveNetworkTest, openNetwork } from './network-namespaces.ts'
import { placesOf } from './network-places.ts'
import { componentsWithRules, evaluated } from './network-table.ts'
import { packetFilter } from './packet-filter.ts'

/* The evaluator is held against Linux: the policies as rules of iptables, each pod and each machine in a network namespace, each connection tried. */

const liveTest = isKustomizeThere ? liveNetworkTest : test.skip
const manifestsWith = (components: readonly string[]) => [
  ...renderWith(components.join(' ')),
  ...render('overlays/production/migrate'),
]
let network: Awaited<ReturnType<typeof openNetwork>> | undefined

beforeAll(async () => {
  if (liveTest !== test) return
  network = await openNetwork(placesOf(manifestsWith([])))
})

/** What is made and what is refused; the same places by name, whatever the policies are. */
async function tried(policies: readonly INetworkPolicy[]) {
  if (!network) throw new Error('There is no network.')
  const places = placesOf(manifestsWith([]))
  network.setFilters((endpoint) => packetFilter(policies, endpoint, [...places.values()]))
  return { live: await network.tryAll(), expected: evaluated(policies, places) }
}

liveTest('without policies each connection is made', async () => {
  const { live, expected } = await tried([])
  expect(live).toEqual(expected)
  expect(JSON.stringify(live)).not.toContain('false')
})

liveTest.each([
  ['no component', []],
  ['all components', componentsWithRules],
])('Linux makes and refuses what the evaluator says, with %s', async (_, components) => {
  const { live, expected } = await tried(networkPolicies(manifestsWith(components)))
  expect(live).toEqual(expected)
})

liveTest.each([
  'no DNS',
  'DNS by UDP only',
  'ingress controller by namespace or by label, where it was both',
  'no default',
])('also with a fault in them: %s', async (name) => {
  const mutated = mutants[name]?.(networkPolicies(manifestsWith(componentsWithRules)))
  const { live, expected } = await tried(mutated ?? [])
  expect(live).toEqual(expected)
})
