import type { Cluster, DoubleDeployment } from './cluster-double.ts'

/** A worker gets its first job no sooner than so long after its container has started. */
export const bootMs = 2500

/** What may happen to a pod. */
export const podEvents = [
  ...([
    'schedule',
    'run',
    'register',
    'probe',
    'flake',
    'claim',
    'finish',
    'restart',
    'evict',
    'gone',
  ] as const),
] as const
/** What may happen to all pods, each as far as it can. */
export const fleetEvents = ['schedule', 'run', 'register', 'probe', 'claim', 'gone'] as const

/** What happens in a cluster without Noodle's doing. `pod` counts through those that there are. */
export type World =
  | { do: 'advance'; ms: number }
  | { do: (typeof podEvents)[number]; pod: number }
  | { do: 'all'; event: (typeof fleetEvents)[number] }
  | { do: 'rollout' }
  | { do: 'scale'; by: number }

export function liveThrough(cluster: Cluster, deployment: DoubleDeployment, step: World): void {
  if (step.do === 'advance') cluster.advance(step.ms)
  else if (step.do === 'rollout') cluster.bump(deployment).template++
  else if (step.do === 'scale') {
    const replicas = Math.max(0, deployment.replicas + step.by)
    cluster.setScale(deployment.name, replicas, { isForeign: true })
  } else if (step.do === 'all') for (let n = 0; n < cluster.pods.size; n++) livePod(cluster, step.event, n)
  else livePod(cluster, step.do, step.pod)
}

function livePod(cluster: Cluster, event: (typeof podEvents)[number], n: number): void {
  const pod = [...cluster.pods.values()][n % Math.max(1, cluster.pods.size)]
  if (!pod) return
  const { nowMs } = cluster.state
  const isUp = pod.phase === 'Running' && nowMs - pod.startedAtMs >= bootMs
  switch (event) {
    case 'schedule':
      pod.machine ??= `machine-${String(n % 3)}`
      break
    case 'run':
      if (pod.phase === 'Pending') cluster.startContainer(pod)
      break
    case 'register':
      if (isUp && !pod.isTerminating) pod.node ??= { isDraining: false, isBusy: false }
      break
    case 'probe':
      cluster.probe(pod)
      break
    case 'flake':
      pod.isFlaky = !pod.isFlaky
      cluster.probe(pod)
      break
    case 'claim':
      if (pod.node && !pod.node.isDraining && !pod.isTerminating) pod.node.isBusy = true
      break
    case 'finish':
      if (pod.node) pod.node.isBusy = false
      break
    case 'restart':
      if (pod.phase === 'Running')
        Object.assign(cluster.bump(pod), {
          ...{ node: null, isReady: false, startedAtMs: nowMs, restarts: pod.restarts + 1 },
        })
      break
    case 'evict':
      cluster.bump(pod).isTerminating = true
      break
    case 'gone':
      if (pod.isTerminating) cluster.pods.delete(pod.uid)
  }
}
