import { expect } from '@jest/globals'
import { schemaFaults, unknownFields } from './api-schema.ts'
import { clusterRules, tierFaults } from './cluster-rules.ts'
import { kustomizeTest, type Manifest, render } from './kustomize.ts'
import { podRules } from './pod-rules.ts'

/* The rules of manifests.test.ts are themselves tried: each fault must be found by the rule that is for it. */

/** A fault in an object of production, by its kind and name. */
type Mutant = [rule: string, object: string, change: (object: Manifest) => void]

const pod = (object: Manifest) => object['spec'].template.spec
const container = (object: Manifest) => pod(object).containers[0]
const env = (object: Manifest, name: string) =>
  container(object).env.find((variable: { name: string }) => variable.name === name)

const secretOf = (object: Manifest) =>
  pod(object).volumes.find((volume: { name: string }) => volume.name === 'secrets').secret

const master = 'Deployment noodle-master'
const small = 'Deployment noodle-worker-small'
const heavy = 'Deployment noodle-worker-heavy'

const mutants: Mutant[] = [
  ['restricted', master, (object) => delete pod(object).securityContext.runAsNonRoot],
  ['restricted', master, (object) => (pod(object).securityContext.runAsUser = 0)],
  ['restricted', small, (object) => delete pod(object).securityContext.seccompProfile],
  ['restricted', small, (object) => delete container(object).securityContext.allowPrivilegeEscalation],
  ['restricted', small, (object) => (container(object).securityContext.readOnlyRootFilesystem = false)],
  ['restricted', small, (object) => (container(object).securityContext.capabilities.add = ['SYS_PTRACE'])],
  ['restricted', small, (object) => delete container(object).securityContext.capabilities.drop],
  ['restricted', small, (object) => (pod(object).hostNetwork = true)],
  [
    'restricted',
    small,
    (object) => pod(object).volumes.push({ name: 'engine', hostPath: { path: '/var/run/docker.sock' } }),
  ],
  ['tokens', small, (object) => delete pod(object).automountServiceAccountToken],
  ['tokens', master, (object) => delete pod(object).enableServiceLinks],
  ['limits', small, (object) => delete container(object).resources.limits.memory],
  ['limits', small, (object) => (container(object).resources.requests.cpu = '3')],
  ['limits', master, (object) => pod(object).volumes.push({ name: 'more', emptyDir: {} })],
  ['images', small, (object) => (container(object).image = 'registry.example.com/noodle:latest')],
  ['images', small, (object) => (container(object).image = 'registry.example.com:5000/noodle')],
  ['secrets', master, (object) => (env(object, 'DATABASE_URL_FILE').value = '/run/secrets/noodle/db')],
  [
    'secrets',
    master,
    (object) =>
      container(object).env.push({
        name: 'REDIS_URL',
        valueFrom: { secretKeyRef: { name: 'noodle-secrets', key: 'redis_url' } },
      }),
  ],
  ['probes', small, (object) => (container(object).livenessProbe.httpGet.port = 'http')],
  ['probes', master, (object) => delete container(object).readinessProbe],
  ['answers', master, (object) => (container(object).readinessProbe.httpGet.path = '/health')],
  ['answers', small, (object) => (container(object).readinessProbe.httpGet.path = '/health')],
  ['nodeIds', small, (object) => (env(object, 'NODE_ID').name = 'POD_NAME')],
  ['nodeIds', small, (object) => (env(object, 'NODE_ID').valueFrom.fieldRef.fieldPath = 'spec.nodeName')],
  [
    'answers',
    master,
    (object) => (container(object).livenessProbe = { httpGet: { path: '/ready', port: 'http' } }),
  ],
  ['secrets', small, (object) => (secretOf(object).defaultMode = 440)],
  ['secrets', small, (object) => delete pod(object).securityContext.fsGroup],
  ['answers', small, (object) => (container(object).ports[0].containerPort = 9101)],
  ['grace', small, (object) => (pod(object).terminationGracePeriodSeconds = 35)],
  ['grace', small, (object) => (env(object, 'DRAIN_DEADLINE_MS').value = '60000')],
  ['grace', master, (object) => delete pod(object).terminationGracePeriodSeconds],
  ['grace', master, (object) => delete container(object).lifecycle],
  ['scratch', heavy, (object) => (env(object, 'CONCURRENCY').value = '5')],
  ['namespaces', 'Namespace noodle', (object) => (object.metadata.labels = {})],
  ['namespaces', 'Service noodle', (object) => delete object.metadata.namespace],
  ['selectors', 'Service noodle', (object) => delete object['spec'].selector['app.kubernetes.io/component']],
  [
    'selectors',
    'Service noodle-grpc',
    (object) => (object['spec'].selector['app.kubernetes.io/component'] = 'gateway'),
  ],
  [
    'selectors',
    'PodDisruptionBudget noodle-worker-small',
    (object) => delete object['spec'].selector.matchLabels.tier,
  ],
  ['selectors', small, (object) => (object['spec'].selector.matchLabels.tier = 'medium')],
  ['ports', 'Service noodle-grpc', (object) => (object['spec'].ports[0].targetPort = 'h2c')],
  [
    'ports',
    'Ingress noodle',
    (object) => (object['spec'].rules[0].http.paths[0].backend.service.port.name = 'web'),
  ],
  [
    'disruptions',
    'PodDisruptionBudget noodle-master',
    (object) => (object['spec'] = { minAvailable: 2, selector: object['spec'].selector }),
  ],
  [
    'disruptions',
    'PodDisruptionBudget noodle-worker-heavy',
    (object) => (object['spec'].selector.matchLabels.tier = 'light'),
  ],
  ['configuration', small, (object) => container(object).env.push({ name: 'CONCURENCY', value: '4' })],
  ['configuration', small, (object) => (env(object, 'CONCURRENCY').value = 'many')],
  [
    'configuration',
    small,
    (object) => container(object).env.push({ name: 'S3_ACCESS_KEY_ID', value: 'AKIA' }),
  ],
  ['configuration', 'ConfigMap noodle-config', (object) => (object['data'].LOG_LEVEL = 'loud')],
  ['configuration', 'ConfigMap noodle-config', (object) => (object['data'].SIZE = '4')],
  ['noSecrets', 'ServiceAccount noodle-worker', (object) => (object.kind = 'Secret')],
  ['tiers', heavy, (object) => (container(object).resources.limits['nvidia.com/gpu'] = 1)],
  ['tiers', small, (object) => (env(object, 'NODE_MEMORY_MB').value = '8192')],
  ['tiers', small, (object) => (container(object).resources.limits.cpu = '4')],
]

const rules: Record<string, (manifests: readonly Manifest[]) => string[]> = {
  ...podRules,
  ...clusterRules,
  tiers: tierFaults,
}

kustomizeTest.each(
  mutants.map(([rule, object, change]) => ({
    rule,
    object,
    fault: String(change)
      .replace(/^\(object\) ?=> ?/, '')
      .replace(/\s+/g, ' '),
    change,
  })),
)('the rule $rule finds in $object: $fault', ({ rule, object, change }) => {
  const production = render('overlays/production')
  expect(rules[rule]?.(production)).toEqual([])
  expect(rules[rule]?.(mutated(production, object, change))).not.toEqual([])
})

kustomizeTest('the schemas find what is missing, wrong or unknown', async () => {
  const production = render('overlays/production')
  const faults = async (object: string, change: (object: Manifest) => void) =>
    (await schemaFaults(mutated(production, object, change))).join('\n')
  expect(await faults(small, (object) => delete container(object).name)).toContain('name')
  expect(await faults(small, (object) => (object['spec'].replicas = 'two'))).toContain('replicas')
  expect(
    await faults('NetworkPolicy noodle-gateway', (object) => (object['spec'].policyTypes = ['In'])),
  ).toContain('policyTypes')
  expect(await faults(small, (object) => (container(object).resources.limits.memory = '4 GB'))).toContain(
    'memory',
  )
  expect(await faults('ServiceMonitor noodle-gateway', (object) => delete object['spec'].selector)).toContain(
    'selector',
  )

  const unknown = [
    ...mutated(production, small, (object) => (container(object).imagePulPolicy = 'Always')),
    ...mutated(production, 'NetworkPolicy noodle-gateway', (object) => (object['spec'].egres = [])),
  ]
  const found = await unknownFields(unknown)
  expect(found).toContain('\'"imagePulPolicy"\' does not exist')
  expect(found).toContain('\'"egres"\' does not exist')
})

function mutated(
  manifests: readonly Manifest[],
  object: string,
  change: (object: Manifest) => void,
): Manifest[] {
  const copy = structuredClone(manifests) as Manifest[]
  const found = copy.find(
    ({ kind, metadata }) => object === `${kind} ${metadata.name.replace(/^(noodle-config)-.*/, '$1')}`,
  )
  if (!found) throw new Error(`Production has no ${object}.`)
  change(found)
  return copy
}
