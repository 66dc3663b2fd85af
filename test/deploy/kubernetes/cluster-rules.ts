import { options } from '../../../core/config-options.ts'
import { selects } from './label-selector.ts'
import { type Manifest, ofKind } from './kustomize.ts'
import { isNoodle, quantity, workloadsOf } from './pods.ts'

type Rule = (manifests: readonly Manifest[]) => string[]

/** Cluster-wide, so in no namespace. */
const clusterWide = new Set(['Namespace', 'PriorityClass'])

/** What must hold of an overlay as a whole, as podRules of its pods. */
export const clusterRules: Record<string, Rule> = {
  namespaces: (manifests) =>
    manifests.flatMap(({ kind, metadata: { name, namespace, labels } }) => {
      if (kind === 'Namespace')
        return unless(
          labels?.['pod-security.kubernetes.io/enforce'] === 'restricted',
          `${name} admits any pod`,
        )
      return unless(
        clusterWide.has(kind) || namespace === 'noodle',
        `${kind} ${name} is in no namespace of ours`,
      )
    }),

  /** A Service that finds no pod, or the pods of two workloads, is a fault that nobody is told of. */
  selectors: (manifests) => [
    ...workloadsOf(manifests).flatMap(({ name, selector, labels }) =>
      unless(!selector || selects({ matchLabels: selector }, labels), `${name} does not select its own pods`),
    ),
    ...ofKind(manifests, 'Deployment', 'Service', 'PodDisruptionBudget')
      .filter(({ metadata }) => metadata.name !== 'noodle-metrics') // for all that have metrics
      .flatMap(({ kind, metadata, spec }) => {
        const matchLabels = kind === 'Service' ? spec.selector : spec.selector.matchLabels
        const found = workloadsOf(manifests).filter(({ labels }) => selects({ matchLabels }, labels))
        const names = found.map(({ name }) => name).join(', ')
        return unless(found.length === 1, `${kind} ${metadata.name} selects ${names || 'nothing'}`)
      }),
  ],

  ports: (manifests) => [
    ...ofKind(manifests, 'Service').flatMap(({ metadata, spec }) => {
      const pods = workloadsOf(manifests).filter(({ labels }) =>
        selects({ matchLabels: spec.selector }, labels),
      )
      return spec.ports.flatMap(({ targetPort }: { targetPort: string }) =>
        unless(
          pods.some(({ container }) => container.ports?.some(({ name }) => name === targetPort)),
          `Service ${metadata.name} leads to the port ${targetPort}, which its pods have not`,
        ),
      )
    }),
    ...ofKind(manifests, 'Ingress').flatMap(({ metadata, spec }) =>
      spec.rules.flatMap(
        ({
          http,
        }: {
          http: { paths: { backend: { service: { name: string; port: { name: string } } } }[] }
        }) =>
          http.paths.flatMap(({ backend: { service } }) => {
            const target = ofKind(manifests, 'Service').find(
              (candidate) => candidate.metadata.name === service.name,
            )
            const has = target?.['spec'].ports.some(
              ({ name }: { name: string }) => name === service.port.name,
            )
            return unless(
              has === true,
              `Ingress ${metadata.name} leads to ${service.name}:${service.port.name}`,
            )
          }),
      ),
    ),
  ],

  /** Nodes can be drained, one pod of a kind after the other. */
  disruptions: (manifests) => {
    const budgets = ofKind(manifests, 'PodDisruptionBudget')
    return [
      ...budgets.flatMap(({ metadata, spec }) =>
        unless(
          spec.maxUnavailable === 1 && spec.minAvailable === undefined,
          `${metadata.name} lets no node, or all nodes, be drained`,
        ),
      ),
      ...workloadsOf(manifests)
        .filter((workload) => isNoodle(workload) && workload.kind === 'Deployment')
        .flatMap(({ name, labels }) =>
          unless(
            budgets.filter(({ spec }) => selects(spec.selector, labels)).length === 1,
            `${name} has not one disruption budget`,
          ),
        ),
    ]
  },

  /** Names and values are those of the one schema. A new ConfigMap for each content rolls the pods. */
  configuration: (manifests) => [
    ...ofKind(manifests, 'ConfigMap').flatMap(({ metadata }) =>
      unless(/-[a-z0-9]{10}$/.test(metadata.name), `ConfigMap ${metadata.name} can change under its pods`),
    ),
    ...workloadsOf(manifests)
      .filter(isNoodle)
      .flatMap(({ name, env }) =>
        Object.entries(env).flatMap(([variable, value]) => {
          const option = options[variable.replace(/_FILE$/, '') as keyof typeof options]
          // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- the name is what a manifest says
          if (!option) return [`${name} sets ${variable}, which is no option`]
          const isSecret = option.meta()?.['secret'] === true
          if (variable.endsWith('_FILE'))
            return unless(isSecret, `${name} has a file for ${variable}, no secret`)
          if (isSecret) return [`${name} has the secret ${variable} in its environment`]
          return unless(option.safeParse(value).success, `${name} sets ${variable} to ${value}`)
        }),
      ),
  ],

  noSecrets: (manifests) =>
    ofKind(manifests, 'Secret').map(({ metadata }) => `Secret ${metadata.name} is among the manifests`),
}

/** Deployments of workers have what the tiers' table says, or as much of it as an overlay for small machines leaves. */
export function tierFaults(manifests: readonly Manifest[]): string[] {
  const workers = workloadsOf(manifests).filter(({ env }) => env['NODE_TYPE'] === 'worker')
  return options.TIERS.parse(undefined).flatMap(({ name, cpu, memoryMb, gpu }) => {
    const worker = workers.find(({ env }) => env['TIER'] === name)
    if (!worker) return [`There is no worker for ${name}`]
    const { requests = {}, limits = {} } = worker.container.resources ?? {}
    const own = 512 * 2 ** 20
    return [
      ...unless(worker.env['NODE_CPUS'] === String(cpu), `${name} offers other cores than its tier`),
      ...unless(
        worker.env['NODE_MEMORY_MB'] === String(memoryMb),
        `${name} offers other memory than its tier`,
      ),
      ...unless(worker.env['NODE_GPUS'] === undefined, `${name} offers virtual GPUs`),
      ...[requests, limits].flatMap((resources) => [
        ...unless(quantity(resources['cpu']) === cpu, `${name} has other cores than its tier`),
        ...unless(
          quantity(resources['memory']) === memoryMb * 2 ** 20 + own,
          `${name} has other memory than its tier`,
        ),
        ...unless(Number(resources['nvidia.com/gpu'] ?? 0) === gpu, `${name} has other GPUs than its tier`),
      ]),
    ]
  })
}

const unless = (holds: boolean, fault: string): string[] => (holds ? [] : [fault])
