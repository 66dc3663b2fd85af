import type { V1Pod } from '@kubernetes/client-node'

/** What a ReplicaSet goes by when it has too many pods: the lower, the sooner a pod goes; 0 by default, and an int32. */
export const costAnnotation = 'controller.kubernetes.io/pod-deletion-cost'
/** The containers that a pod had when it was told to go: one that has started anew since takes jobs again. */
export const leavingAnnotation = 'noodle/leaving'

/** Of a pod that drains: should somebody else scale down, it is the one to go. */
export const drainingCost = -1_000_000
/** Of a pod that has no jobs and gets none: no other cost is lower. */
export const leavingCost = -(2 ** 31)

/** Of a worker's pod, what the driver goes by. */
export interface WorkerPod {
  name: string
  uid: string
  /** The uid of its ReplicaSet; null for one that has none. */
  owner: string | null
  /** It was told to end, by whomever. */
  isTerminating: boolean
  /** A machine was found for it. */
  isAssigned: boolean
  /** One of its containers has started, so that it may have become a node. */
  isRunning: boolean
  isReady: boolean
  cost: number
  /** Names these runs of its containers: another after each restart. Empty before the first. */
  containers: string
  /** `containers` as of when it was told to go; null when it was not. */
  leaving: string | null
}

/** Null for a pod that has ended: the ReplicaSet does not count it, and it stays as a record only. */
export function toWorkerPod({ metadata, spec, status }: V1Pod): WorkerPod | null {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return null
  const annotations = metadata?.annotations ?? {}
  return {
    name: metadata?.name ?? '',
    uid: metadata?.uid ?? '',
    owner:
      metadata?.ownerReferences?.find(({ controller, kind }) => controller && kind === 'ReplicaSet')?.uid ??
      null,
    isTerminating: metadata?.deletionTimestamp !== undefined,
    isAssigned: Boolean(spec?.nodeName),
    isRunning: status?.phase === 'Running',
    isReady: status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false,
    cost: readCost(annotations[costAnnotation]),
    containers: (status?.containerStatuses ?? []).map(({ containerID }) => containerID ?? '').join(' '),
    leaving: annotations[leavingAnnotation] ?? null,
  }
}

/** As the ReplicaSet reads it: what is no int32 in its plain form counts as 0. */
function readCost(text: string | undefined): number {
  if (text === undefined || !/^(0|-?[1-9]\d*)$/.test(text)) return 0
  const cost = Number(text)
  return Math.abs(cost) <= 2 ** 31 ? cost : 0
}

/** Only a pod that is not ready is told to go. One that has started anew or has become ready since takes jobs. */
export const isLeaving = ({ cost, leaving, containers, isReady }: WorkerPod): boolean =>
  cost === leavingCost && leaving === containers && !isReady
