/** A pod of the double. What the API tells of it, and, below, what only the worker within knows. */
export interface DoublePod {
  name: string
  uid: string
  deployment: string
  replicaSet: string
  machine: string | null
  phase: 'Pending' | 'Running'
  isReady: boolean
  readySinceMs: number
  restarts: number
  createdAtMs: number
  isTerminating: boolean
  annotations: Record<string, string>
  version: number
  /** Null until the worker has registered. */
  node: { isDraining: boolean; isBusy: boolean } | null
  /** Its probe fails though nothing is wrong with it. */
  isFlaky: boolean
  startedAtMs: number
}

const cost = 'controller.kubernetes.io/pod-deletion-cost'

/**
 * Which pod a ReplicaSet deletes sooner, by the published rules: ActivePodsWithRanks.Less in pkg/controller/controller_utils.go of Kubernetes 1.22 and
 * later (kubernetes.io/docs/concepts/workloads/controllers/replicaset/#scaling-down-a-replicaset); ages are not rounded here.
 */
export function byDeletion(pods: readonly DoublePod[]): (a: DoublePod, b: DoublePod) => number {
  const onMachine = (pod: DoublePod) => pods.filter(({ machine }) => machine === pod.machine).length
  const costOf = ({ annotations }: DoublePod) => Number(annotations[cost] ?? 0)
  const first = (isFirst: (pod: DoublePod) => boolean) => (a: DoublePod, b: DoublePod) =>
    Number(isFirst(b)) - Number(isFirst(a))
  const rules = [
    first(({ machine }) => machine === null),
    first(({ phase }) => phase === 'Pending'),
    first(({ isReady }) => !isReady),
    (a: DoublePod, b: DoublePod) => costOf(a) - costOf(b),
    (a: DoublePod, b: DoublePod) => onMachine(b) - onMachine(a),
    (a: DoublePod, b: DoublePod) => (a.isReady ? b.readySinceMs - a.readySinceMs : 0),
    (a: DoublePod, b: DoublePod) => b.restarts - a.restarts,
    (a: DoublePod, b: DoublePod) => b.createdAtMs - a.createdAtMs,
  ]
  return (a, b) => rules.map((rule) => rule(a, b)).find((order) => order !== 0) ?? 0
}
