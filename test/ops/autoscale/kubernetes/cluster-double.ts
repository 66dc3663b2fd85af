import { byDeletion, type DoublePod } from './pod-order.ts'

/* No cluster can be had where the tests run. This is a double: Deployments, ReplicaSets and pods, with the two controllers as their sources describe them. */

export interface DoubleDeployment {
  name: string
  tier: string
  replicas: number
  template: number
  version: number
  /** Of the replicas that it has lost, those that were not taken by whom the test is about. */
  foreign: number
}

export interface DoubleReplicaSet {
  uid: string
  deployment: string
  template: number
  replicas: number
  /** What the Deployment wanted when it was last scaled. */
  desired: number
  foreign: number
}

export type Cluster = ReturnType<typeof makeCluster>

type View = 'deployments' | 'replicaSets' | 'pods'

interface Snapshot {
  atMs: number
  deployments: DoubleDeployment[]
  replicaSets: DoubleReplicaSet[]
  pods: DoublePod[]
}

/** `lagMs`: by how much a view of the controllers lags behind, by what it is of. */
export function makeCluster({
  surge = 1,
  lagMs = {},
  quota = Infinity,
}: {
  /** maxSurge; maxUnavailable is 1 where it is 0. */
  surge?: 0 | 1
  lagMs?: Partial<Record<View, number>>
  quota?: number
} = {}) {
  const deployments = new Map<string, DoubleDeployment>()
  const replicaSets = new Map<string, DoubleReplicaSet>()
  const pods = new Map<string, DoublePod>()
  /** A busy pod whose removal nobody else had asked for. */
  const killed: string[] = []
  const cluster = { nowMs: 0, version: 1, made: 0 }
  let snapshots: Snapshot[] = []

  const bump = <T extends { version: number }>(object: T): T => {
    object.version = ++cluster.version
    return object
  }

  function keepSnapshot(): void {
    snapshots.push({
      atMs: cluster.nowMs,
      deployments: [...deployments.values()].map((one) => ({ ...one })),
      replicaSets: [...replicaSets.values()].map((one) => ({ ...one })),
      pods: [...pods.values()].map((one) => ({ ...one, annotations: { ...one.annotations } })),
    })
    const oldest = snapshots.findLastIndex(({ atMs }) => atMs < cluster.nowMs - 10_000)
    if (oldest > 0) snapshots = snapshots.slice(oldest)
  }

  /** What a watch of a controller has told it so far. */
  function view(of: View): Snapshot {
    const atMs = cluster.nowMs - (lagMs[of] ?? 0)
    const seen = snapshots.findLast((snapshot) => snapshot.atMs <= atMs)
    return seen ?? { atMs: 0, deployments: [], replicaSets: [], pods: [] }
  }

  const active = (all: Iterable<DoublePod>, of: DoubleReplicaSet) =>
    [...all].filter(({ replicaSet, isTerminating }) => replicaSet === of.uid && !isTerminating)

  /** syncDeployment of pkg/controller/deployment, with a maxSurge of 1 or of 0, and maxUnavailable the other. Its own writes it sees at once. */
  function syncDeployments(): void {
    for (const seen of view('deployments').deployments) {
      const deployment = deployments.get(seen.name)
      if (!deployment) continue
      const sets = [...replicaSets.values()].filter((set) => set.deployment === seen.name)
      const newest = sets.find(({ template }) => template === seen.template) ?? makeReplicaSet(seen)
      if (!sets.includes(newest)) sets.push(newest)
      const running = sets.filter(({ replicas }) => replicas > 0)
      const total = running.reduce((sum, { replicas }) => sum + replicas, 0)
      const scaled = running.filter(({ desired }) => desired !== seen.replicas)
      if (running.length <= 1 && (running[0] === newest || scaled.length > 0 || running.length === 0)) {
        setReplicas(deployment, running[0] ?? newest, seen.replicas, false)
      } else if (scaled.length > 0) {
        // In the midst of a rollout the difference is spread, most of it to the largest.
        let missing = (seen.replicas > 0 ? seen.replicas + surge : 0) - total
        for (const set of running.toSorted((a, b) => b.replicas - a.replicas)) {
          const share = Math.max(
            -set.replicas,
            Math.trunc((missing * set.replicas) / total) || Math.sign(missing),
          )
          setReplicas(deployment, set, set.replicas + share, false, seen.replicas)
          missing -= share
        }
        for (const set of running) set.desired = seen.replicas
      } else {
        const available = [...pods.values()].filter(
          (pod) => pod.deployment === seen.name && pod.isReady && !pod.isTerminating,
        )
        const more = Math.min(seen.replicas + surge - total, seen.replicas - newest.replicas)
        if (more > 0) setReplicas(deployment, newest, newest.replicas + more, true, seen.replicas)
        const old = running.filter((one) => one !== newest)
        const leastReady = seen.replicas - (1 - surge)
        const readyOf = ({ uid }: DoubleReplicaSet) =>
          available.filter(({ replicaSet }) => replicaSet === uid).length
        // cleanupUnhealthyReplicas first: pods of old ReplicaSets that are not ready make no difference to whom is served.
        let unhealthy = total - leastReady - (newest.replicas - readyOf(newest))
        let fewer = available.length - leastReady
        for (const set of old) {
          const clean = Math.max(0, Math.min(unhealthy, set.replicas - readyOf(set)))
          unhealthy -= clean
          const take = Math.max(0, Math.min(fewer, set.replicas - clean))
          fewer -= take
          if (clean + take > 0) setReplicas(deployment, set, set.replicas - clean - take, true, seen.replicas)
        }
      }
    }
  }

  function makeReplicaSet({ name, template }: DoubleDeployment): DoubleReplicaSet {
    const set = {
      uid: `${name}-${String(template)}`,
      deployment: name,
      template,
      replicas: 0,
      desired: -1,
      foreign: 0,
    }
    replicaSets.set(set.uid, set)
    return set
  }

  function setReplicas(
    deployment: DoubleDeployment,
    set: DoubleReplicaSet,
    replicas: number,
    isRollout: boolean,
    desired = replicas,
  ): void {
    const fewer = Math.max(0, set.replicas - replicas)
    const foreign = isRollout ? fewer : Math.min(fewer, deployment.foreign)
    if (!isRollout) deployment.foreign -= foreign
    set.foreign += foreign
    if (set.replicas !== replicas) bump(deployment) // its status, and with it the resourceVersion of its scale
    Object.assign(set, { replicas, desired })
  }

  /** manageReplicas of pkg/controller/replicaset; it does nothing until it has seen what it did last. */
  const actedMs = new Map<string, number>()
  function syncReplicaSets(): void {
    const sets = view('replicaSets').replicaSets
    const seenPods = view('pods')
    for (const set of sets) {
      const real = replicaSets.get(set.uid)
      if (!real || seenPods.atMs < (actedMs.get(set.uid) ?? -1)) continue
      const seen = active(seenPods.pods, set)
      for (let n = seen.length; n < set.replicas && pods.size < quota; n++) makePod(set)
      const order = byDeletion(seenPods.pods.filter(({ deployment }) => deployment === set.deployment))
      const victims = seen.toSorted(order).slice(0, Math.max(0, seen.length - set.replicas))
      for (const { uid } of victims) {
        const pod = pods.get(uid)
        if (!pod || pod.isTerminating) continue
        if (pod.node?.isBusy && real.foreign === 0) killed.push(pod.name)
        real.foreign = Math.max(0, real.foreign - 1)
        bump(pod).isTerminating = true
      }
      if (victims.length > 0 || seen.length < set.replicas) actedMs.set(set.uid, cluster.nowMs)
    }
  }

  function makePod(set: DoubleReplicaSet): void {
    const id = (++cluster.made).toString(36).padStart(5, 'x')
    const pod: DoublePod = {
      ...{ name: `${set.uid}-${id}`, uid: `uid-${id}`, deployment: set.deployment, replicaSet: set.uid },
      ...{ machine: null, phase: 'Pending', isReady: false, readySinceMs: 0, restarts: 0, startedAtMs: 0 },
      ...{ createdAtMs: cluster.nowMs, isTerminating: false, annotations: {}, version: ++cluster.version },
      ...{ node: null, isFlaky: false },
    }
    pods.set(pod.uid, pod)
  }

  return {
    state: cluster,
    ...{ deployments, replicaSets, pods, killed, bump },
    addDeployment(tier: string, replicas: number): DoubleDeployment {
      const name = `noodle-worker-${tier}`
      const deployment = { name, tier, replicas, template: 1, version: ++cluster.version, foreign: 0 }
      deployments.set(name, deployment)
      keepSnapshot()
      return deployment
    },
    /** The scale, if the Deployment is still what it was. `isForeign`: by somebody else. */
    setScale(
      name: string,
      replicas: number,
      { version, isForeign = false }: { version?: number; isForeign?: boolean } = {},
    ) {
      const deployment = deployments.get(name)
      if (!deployment || (version !== undefined && version !== deployment.version)) return false
      if (isForeign) deployment.foreign += Math.max(0, deployment.replicas - replicas)
      bump(deployment).replicas = replicas
      keepSnapshot()
      return true
    },
    annotate(uid: string, annotations: Record<string, string | null>): DoublePod | null {
      const pod = pods.get(uid)
      if (!pod) return null
      const merged = Object.entries({ ...pod.annotations, ...annotations })
      bump(pod).annotations = Object.fromEntries(
        merged.filter((entry): entry is [string, string] => entry[1] !== null),
      )
      keepSnapshot()
      return pod
    },
    /** Time passes, and the controllers work. */
    advance(ms: number): void {
      for (let leftMs = ms; leftMs >= 0; leftMs -= 250) {
        cluster.nowMs += Math.min(250, leftMs)
        keepSnapshot()
        syncDeployments()
        keepSnapshot()
        syncReplicaSets()
        keepSnapshot()
      }
    },
    startContainer(pod: DoublePod): void {
      if (pod.machine !== null) Object.assign(bump(pod), { phase: 'Running', startedAtMs: cluster.nowMs })
    },
    /** The kubelet asks /ready of the worker within. */
    probe(pod: DoublePod): void {
      const { node } = pod
      const isReady = node !== null && !pod.isFlaky && !(node.isDraining && !node.isBusy)
      if (isReady !== pod.isReady) Object.assign(bump(pod), { isReady, readySinceMs: cluster.nowMs })
    },
  }
}
