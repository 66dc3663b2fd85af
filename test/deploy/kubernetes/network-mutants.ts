import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'

/* Faults that people make in network policies. The tests of ours must find each of them. */

type Change = (spec: NonNullable<INetworkPolicy['spec']>) => void
/** One policy is another, or gone. */
const without = (name: string) => (policies: INetworkPolicy[]) =>
  policies.filter(({ metadata }) => metadata?.name !== name)
const changed = (name: string, change: Change) => (policies: INetworkPolicy[]) =>
  policies.map((policy) => {
    if (policy.metadata?.name !== name) return policy
    const mutant = structuredClone(policy)
    change(mutant.spec ?? {})
    return mutant
  })

export const mutants: Record<string, (policies: INetworkPolicy[]) => INetworkPolicy[]> = {
  'no DNS': without('noodle-dns'),
  'DNS by UDP only': changed('noodle-dns', ({ egress }) => egress?.[0]?.ports?.pop()),
  'ingress controller by namespace or by label, where it was both': changed(
    'noodle-gateway',
    ({ ingress }) => {
      const { namespaceSelector = {}, podSelector = {} } = first(first(ingress).from)
      first(ingress).from = [{ namespaceSelector }, { podSelector }]
    },
  ),
  'ingress controller in any namespace': changed(
    'noodle-gateway',
    ({ ingress }) => (first(first(ingress).from).namespaceSelector = {}),
  ),
  'all of the namespace of the ingress controller': changed(
    'noodle-gateway',
    ({ ingress }) => delete first(first(ingress).from).podSelector,
  ),
  'KEDA in any namespace, and all that is in one with it': changed('noodle-keda', ({ ingress }) => {
    const { podSelector = {} } = first(first(ingress).from)
    first(ingress).from = [{ namespaceSelector: {} }, { podSelector }]
  }),
  'KEDA at all ports': changed('noodle-keda', ({ ingress }) => delete first(ingress).ports),
  'a policy that permits all': (policies) => [
    ...policies,
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'all', namespace: 'noodle' },
      spec: { podSelector: {}, ingress: [{}], egress: [{}], policyTypes: ['Ingress', 'Egress'] },
    },
  ],
  'Egress forgotten in the default': changed(
    'noodle-default-deny',
    (spec) => (spec.policyTypes = ['Ingress']),
  ),
  'Ingress forgotten in the default': changed(
    'noodle-default-deny',
    (spec) => (spec.policyTypes = ['Egress']),
  ),
  'no default': without('noodle-default-deny'),
  'another port of Postgres': changed(
    'noodle-postgres',
    ({ egress }) => (first(egress).ports = [{ protocol: 'TCP', port: 5433 }]),
  ),
  'Redis for migrations too': changed(
    'noodle-redis',
    ({ podSelector }) => delete podSelector?.matchExpressions,
  ),
  'metrics for all namespaces': changed(
    'noodle-metrics',
    ({ ingress }) => (first(ingress).from = [{ namespaceSelector: {} }]),
  ),
  'the metadata service is no exception': changed('noodle-internet', ({ egress }) => {
    const { ipBlock } = first(first(egress).to)
    if (ipBlock) ipBlock.except = ipBlock.except?.filter((cidr) => cidr !== '169.254.0.0/16') ?? []
  }),
  'private networks are no exception': changed(
    'noodle-internet',
    ({ egress }) => delete first(first(egress).to).ipBlock?.except,
  ),
  'the internet at all ports': changed('noodle-internet', ({ egress }) => delete first(egress).ports),
  'a port without its name in the pod': changed(
    'noodle-metrics',
    ({ ingress }) => (first(ingress).ports = [{ protocol: 'TCP', port: 'metric' }]),
  ),
  'the API server for workers': changed(
    'noodle-api-server',
    ({ podSelector }) => delete podSelector?.matchLabels?.['app.kubernetes.io/component'],
  ),
}

function first<T>(list: T[] | undefined): T {
  const [item] = list ?? []
  if (item === undefined) throw new Error('The policies have changed; mend the mutant.')
  return item
}
