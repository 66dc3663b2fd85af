import type { WorkerPod } from './worker-pod.ts'

/** Remembers since when pods are as they are, by this process' own clock. */
export interface PodMemory {
  /** What was read of these just now. */
  note(pods: readonly WorkerPod[]): void
  /** Forgets those that are not among them. */
  keep(uids: ReadonlySet<string>): void
  /** All that counts about it is as it was, for so long. */
  isSettled(pod: WorkerPod): boolean
  hasSettledToRun(pod: WorkerPod): boolean
}

export function makePodMemory(settleMs: number, nowMs: () => number): PodMemory {
  const known = new Map<string, { state: string; sinceMs: number; runsSinceMs: number }>()
  const isLong = (sinceMs: number | undefined) => sinceMs !== undefined && nowMs() - sinceMs >= settleMs

  return {
    note(pods) {
      for (const pod of pods) {
        const before = known.get(pod.uid)
        const state = stateOf(pod)
        known.set(pod.uid, {
          state,
          sinceMs: before?.state === state ? before.sinceMs : nowMs(),
          runsSinceMs: pod.isRunning ? Math.min(before?.runsSinceMs ?? Infinity, nowMs()) : Infinity,
        })
      }
    },
    keep(uids) {
      for (const uid of known.keys()) if (!uids.has(uid)) known.delete(uid)
    },
    isSettled: (pod) => isLong(known.get(pod.uid)?.sinceMs) && known.get(pod.uid)?.state === stateOf(pod),
    hasSettledToRun: (pod) => isLong(known.get(pod.uid)?.runsSinceMs),
  }
}

const stateOf = ({ isAssigned, isRunning, isReady, cost, containers, leaving }: WorkerPod): string =>
  JSON.stringify([isAssigned, isRunning, isReady, cost, containers, leaving])
