import { isLeaving, leavingCost, type WorkerPod } from './worker-pod.ts'

export interface RemovalInput {
  /** Of the Deployment, as its scale says. */
  replicas: number
  /** All that the Deployment has and that don't end yet. */
  pods: readonly WorkerPod[]
  /** One of them, which shall go. It was marked. */
  wanted: WorkerPod
  /** It shall go too, as far as is known now. */
  isUnwanted: (pod: WorkerPod) => boolean
  /** What it is, this pod has been for so long that controllers must have heard of it. */
  isSettled: (pod: WorkerPod) => boolean
  /** It has been running for so long, whatever else became of it. */
  hasSettledToRun: (pod: WorkerPod) => boolean
}

export type RemovalPlan =
  /** To be set: so many fewer as there are pods that are certain to be those that go. */
  | { replicas: number }
  /** The scale says it already; the ReplicaSet is about to act. */
  | { isUnderWay: true }
  /** Something is not as it must be for that, and why. */
  | { wait: string }

/**
 * What the replicas of a Deployment may be set to, so that the ReplicaSet takes the pods that have no jobs and no other. It can't be told which; it
 * takes, in this order: those without a machine, not running, not ready, of the lowest cost (ActivePodsWithRanks in
 * pkg/controller/controller_utils.go of Kubernetes). So a pod that runs may go when it is not ready and has the lowest cost: then none that runs comes before it, be it ready or not,
 * now or a moment later; and those that don't run yet must not be there.
 */
export function planRemoval(input: RemovalInput): RemovalPlan {
  const { replicas, pods, wanted, isUnwanted, isSettled, hasSettledToRun } = input
  const leaving = pods.filter(isLeaving)
  if (replicas < pods.length)
    return leaving.length <= pods.length - replicas
      ? { isUnderWay: true }
      : { wait: `${String(pods.length - replicas)} other pods are about to be removed` }
  if (replicas > pods.length)
    return {
      wait: `${String(replicas - pods.length)} replicas have no pod yet and would be given up instead`,
    }
  if (pods.some(({ owner }) => owner === null || owner !== wanted.owner))
    return { wait: 'there are pods of several ReplicaSets, so a rollout is going on' }

  const going = certainToGo(
    pods,
    leaving.filter((pod) => isUnwanted(pod) && isSettled(pod)),
  )
  if (going.includes(wanted)) {
    const fresh = pods.find((pod) => !going.includes(pod) && pod.isRunning && !hasSettledToRun(pod))
    return fresh ? { wait: `${fresh.name} has just begun to run` } : { replicas: replicas - going.length }
  }
  if (!isSettled(wanted)) return { wait: 'it was marked or changed just now' }
  const before = pods.find((pod) => pod !== wanted && !precedes(wanted, pod))
  return { wait: `${before?.name ?? 'another'} would go in its stead` }
}

/** Those of `candidates` that the ReplicaSet takes before all the others. */
function certainToGo(pods: readonly WorkerPod[], candidates: readonly WorkerPod[]): WorkerPod[] {
  const others = pods.filter((pod) => !candidates.includes(pod))
  return candidates.filter((pod) => others.every((other) => precedes(pod, other)))
}

/** The ReplicaSet takes `pod` first, whatever becomes of `other` as long as it neither starts anew nor is made again. */
function precedes(pod: WorkerPod, other: WorkerPod): boolean {
  const [own, its] = [stepOf(pod), stepOf(other)]
  if (own !== its) return own < its
  // One that runs and is ready now may not be a moment later; the cost is what counts then.
  return pod.cost === leavingCost && other.cost > leavingCost
}

const stepOf = ({ isAssigned, isRunning }: WorkerPod): number => (isAssigned ? 1 : 0) + (isRunning ? 1 : 0)
