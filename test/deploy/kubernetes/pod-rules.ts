import { isDeepStrictEqual } from 'node:util'
import type { Manifest } from './kustomize.ts'
import { isNoodle, quantity, type Workload, workloadsOf } from './pods.ts'
import { secretFiles } from './secret-files.ts'

/** What must hold of the pods of any overlay; each rule gives what breaks it, as sentences that begin with the name of the workload. */
export const podRules: Record<string, (manifests: readonly Manifest[]) => string[]> = {
  /** Pod Security Standards, profile restricted, and a root file system that can't be written. */
  restricted: each(({ pod, container }) => {
    const security = container.securityContext ?? {}
    return [
      ...unless(pod.securityContext?.runAsNonRoot === true, 'may run as root'),
      ...unless((pod.securityContext?.runAsUser ?? 0) > 0, 'has no user'),
      ...unless(pod.securityContext?.seccompProfile?.type === 'RuntimeDefault', 'has no seccomp profile'),
      ...unless(security.allowPrivilegeEscalation === false, 'may gain privileges'),
      ...unless(security.readOnlyRootFilesystem === true, 'may write its root file system'),
      ...unless(security.privileged !== true, 'is privileged'),
      ...unless(security.capabilities?.drop?.includes('ALL') === true, 'keeps capabilities'),
      ...unless(!security.capabilities?.add, 'adds capabilities'),
      ...unless(!pod.hostNetwork && !pod.hostPID && !pod.hostIPC, 'shares namespaces of its machine'),
      ...(pod.volumes ?? []).flatMap((volume) =>
        unless(
          Boolean(volume.emptyDir ?? volume.secret ?? volume.projected ?? volume.persistentVolumeClaim),
          `has the volume ${volume.name} of a kind that is not allowed`,
        ),
      ),
    ]
  }),

  /** A token is in a pod only where a volume says so. */
  tokens: each(({ pod }) => [
    ...unless(pod.automountServiceAccountToken === false, "is given its account's token"),
    ...unless(pod.enableServiceLinks === false, 'is given variables for each Service'),
  ]),

  limits: each(({ pod, container }) => [
    ...['cpu', 'memory', 'ephemeral-storage'].flatMap((resource) => {
      const { requests = {}, limits = {} } = container.resources ?? {}
      if (requests[resource] === undefined || limits[resource] === undefined)
        return [`has no request or no limit of ${resource}`]
      return unless(
        quantity(requests[resource]) <= quantity(limits[resource]),
        `requests more ${resource} than its limit`,
      )
    }),
    ...(pod.volumes ?? []).flatMap(({ name, emptyDir }) =>
      unless(!emptyDir || emptyDir.sizeLimit !== undefined, `has the volume ${name} without a limit`),
    ),
  ]),

  images: each(({ container }) => [
    ...unless(
      /:(?!latest$)[\w][\w.-]*$|@sha256:[0-9a-f]{64}$/.test(container.image ?? ''),
      `has the image ${container.image ?? ''}, which has no version`,
    ),
  ]),

  /** Secrets come as files, which no `kubectl describe` and no crash report shows. */
  secrets: each((workload) => [
    ...(workload.pod.volumes ?? []).flatMap(({ name, secret }) =>
      unless(
        !secret || (secret.defaultMode === 0o440 && (workload.pod.securityContext?.fsGroup ?? 0) > 0),
        `has the Secret of the volume ${name} open to others, or closed to itself`,
      ),
    ),
    ...(workload.container.env ?? []).flatMap(({ name, valueFrom }) =>
      unless(
        !valueFrom || isDeepStrictEqual(Object.keys(valueFrom), ['fieldRef']),
        `takes ${name} from elsewhere into its environment`,
      ),
    ),
    ...secretFiles(workload).flatMap(({ option, path, isMounted }) =>
      unless(isMounted, `reads ${option} from ${path}, where no key of a Secret is mounted`),
    ),
  ]),

  probes: each(({ kind, container, name }) => {
    if (kind !== 'Deployment') return []
    const ports = (container.ports ?? []).map((port) => port.name)
    const { startupProbe, readinessProbe, livenessProbe } = container
    const probes = Object.entries({ startupProbe, readinessProbe, livenessProbe })
    return probes.flatMap(([which, probe]) => {
      if (!probe) return which === 'startupProbe' && !name.startsWith('noodle') ? [] : [`has no ${which}`]
      const port = probe.httpGet?.port ?? probe.tcpSocket?.port
      return unless(
        port === undefined || ports.includes(String(port)),
        `has a ${which} at the port ${String(port)}, which it has not`,
      )
    })
  }),

  /** What of Noodle is asked where: a gateway answers /health and /ready, and so does a worker beside its metrics; a master lives while gateway and ops answer. */
  answers: each((workload) => {
    const { container, env } = workload
    if (!isNoodle(workload) || workload.kind !== 'Deployment') return []
    const isMaster = env['NODE_TYPE'] === 'master'
    const port = isMaster ? 'http' : 'metrics'
    const expected = [
      ['startupProbe', { httpGet: { path: '/health', port } }],
      ['readinessProbe', { httpGet: { path: '/ready', port } }],
      [
        'livenessProbe',
        isMaster ? { exec: { command: [...asksBoth] } } : { httpGet: { path: '/health', port } },
      ],
    ] as const
    const portOf = (name: string) =>
      container.ports?.find((candidate) => candidate.name === name)?.containerPort
    return [
      ...expected.flatMap(([which, asks]) => {
        const { httpGet, exec } = container[which] ?? {}
        return unless(
          isDeepStrictEqual({ ...(httpGet && { httpGet }), ...(exec && { exec }) }, asks),
          `has a ${which} other than ${JSON.stringify(asks)}`,
        )
      }),
      ...unless(
        !isMaster || (String(portOf('http')) === env['PORT'] && env['HOST'] === '0.0.0.0'),
        'listens elsewhere than PORT says',
      ),
      ...unless(
        String(portOf('metrics')) === env['METRICS_PORT'] && env['METRICS_HOST'] === '0.0.0.0',
        'has its metrics elsewhere than METRICS_PORT says',
      ),
    ]
  }),

  /** The autoscaler knows a node by the name of its pod. */
  nodeIds: each(({ container, env }) => {
    if (env['NODE_TYPE'] !== 'worker') return []
    const nodeId = container.env?.find(({ name }) => name === 'NODE_ID')
    return unless(
      nodeId?.valueFrom?.fieldRef?.fieldPath === 'metadata.name',
      'has a NODE_ID other than the name of its pod',
    )
  }),

  /** SIGKILL comes after the process has ended by itself. */
  grace: each((workload) => {
    if (!isNoodle(workload) || workload.kind !== 'Deployment') return []
    const { pod, container, env } = workload
    const preStop = Number(container.lifecycle?.preStop?.exec?.command?.[1] ?? 0)
    const isMaster = env['NODE_TYPE'] === 'master'
    const takesMs = isMaster
      ? Number(env['SHUTDOWN_DELAY_MS'] ?? 0) + masterMarginMs
      : Number(env['DRAIN_DEADLINE_MS'] ?? 0) + workerMarginMs
    const needed = preStop + takesMs / 1000
    return [
      ...unless(
        (pod.terminationGracePeriodSeconds ?? 30) > needed,
        `is killed after ${String(pod.terminationGracePeriodSeconds)} s, and may take ${String(needed)} s to end`,
      ),
      ...unless(!isMaster || preStop > 0, 'gets SIGTERM before its Service has heard'),
    ]
  }),

  /** The kubelet evicts a pod whose volume is beyond its limit, and all its jobs with it. */
  scratch: each(({ pod, env }) => {
    if (env['NODE_TYPE'] !== 'worker') return []
    const size = quantity(pod.volumes?.find(({ name }) => name === 'scratch')?.emptyDir?.sizeLimit)
    const runs = Number(env['CONCURRENCY']) * Number(env['SCRATCH_LIMIT_BYTES'])
    return unless(runs <= size, `lets its runs have ${String(runs)} bytes in ${String(size)}`)
  }),
}

/** The command of the image's own health check. */
const asksBoth = ['/app/deploy/image/health']

/** The parts of workers/main.ts and ops/master.ts that are not configured. */
const workerMarginMs = 10_000
const masterMarginMs = 31_000

function each(faultsOf: (workload: Workload) => string[]) {
  return (manifests: readonly Manifest[]): string[] =>
    workloadsOf(manifests).flatMap((workload) =>
      faultsOf(workload).map((fault) => `${workload.name} ${fault}`),
    )
}

const unless = (holds: boolean, fault: string): string[] => (holds ? [] : [fault])
