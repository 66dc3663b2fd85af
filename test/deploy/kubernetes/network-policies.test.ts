import { describe, expect, test } from '@jest/globals'
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import { kustomizeTest, type Manifest, networkPolicies, render, renderWith } from './kustomize.ts'
import { mutants } from './network-mutants.ts'
import { sources, targets, placesOf } from './network-places.ts'
import { componentsWithRules, evaluated, promised, type Verdicts } from './network-table.ts'

const optional = componentsWithRules
const job = (): Manifest[] => render('overlays/production/migrate')

test('the tables cover eleven sources and at least seven targets', () => {
  expect(sources).toHaveLength(11)
  expect(targets.length).toBeGreaterThanOrEqual(7)
})

kustomizeTest.each([
  ['with no component', []],
  ['with all components', optional],
  ...optional.map((component): [string, string[]] => [`with ${component}`, [component]]),
])('policies permit what docs/kubernetes.md says and nothing else, %s', (_, components) => {
  const manifests = [...renderWith(components.join(' ')), ...job()]
  expect(differences(networkPolicies(manifests), manifests, promised(['base', ...components]))).toEqual([])
})

kustomizeTest('production permits what docs/kubernetes.md says, and no other database', () => {
  const manifests = [...render('overlays/production'), ...job()]
  expect(differences(networkPolicies(manifests), manifests, promised(['s3', 'monitoring']))).toEqual([])
})

describe('a fault in the policies is seen', () => {
  const settings = [[], optional]
  kustomizeTest.each(Object.keys(mutants))('%s', (name) => {
    const found = settings.flatMap((components) => {
      const manifests = [...renderWith(components.join(' ')), ...job()]
      const mutated = mutants[name]?.(networkPolicies(manifests)) ?? []
      return differences(mutated, manifests, promised(['base', ...components]))
    })
    expect(found).not.toEqual([])
  })
})

kustomizeTest('in development the stores within are reached by Noodle, and by nobody else', () => {
  const manifests = [...render('overlays/development'), ...render('overlays/development/migrate')]
  const places = placesOf(manifests)
  for (const [name, ip, port] of [
    ['Postgres', '10.244.1.20', 5432],
    ['Redis', '10.244.1.21', 6379],
  ] as const) {
    const label = name.toLowerCase()
    const namespaceLabels = { 'kubernetes.io/metadata.name': 'noodle' }
    const labels = { 'app.kubernetes.io/name': label }
    const ports = { [label]: { protocol: 'TCP', port } as const }
    places.set(name, { name, ip, pod: { namespace: 'noodle', namespaceLabels, labels, ports } })
  }
  const verdicts = evaluated(networkPolicies(manifests), places)
  const whoReaches = (store: string) => sources.filter((source) => verdicts[source]?.[store])
  expect(whoReaches('Postgres')).toEqual(['the kubelet', 'master', 'worker', 'migrate'])
  expect(whoReaches('Redis')).toEqual(['the kubelet', 'master', 'worker'])
})

/** `source -> target: permitted`, for each cell that is not as expected. */
function differences(
  policies: readonly INetworkPolicy[],
  manifests: readonly Manifest[],
  expected: Verdicts,
): string[] {
  const verdicts = evaluated(policies, placesOf(manifests))
  return sources.flatMap((source) =>
    targets.flatMap(({ name }) => {
      const isPermitted = verdicts[source]?.[name]
      if (isPermitted === expected[source]?.[name]) return []
      return [`${source} -> ${name}: ${isPermitted ? 'permitted' : 'refused'}`]
    }),
  )
}
