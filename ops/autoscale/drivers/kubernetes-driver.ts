import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import type { Tier } from '../../../queue/domain/tiers.ts'
import type { KubernetesApi, Scale } from './kubernetes/kubernetes-api.ts'
import { planRemoval } from './kubernetes/plan-removal.ts'
import { makePodMemory, type PodMemory } from './kubernetes/pod-memory.ts'
import {
  costAnnotation,
  drainingCost,
  isLeaving,
  leavingAnnotation,
  leavingCost,
  type WorkerPod,
} from './kubernetes/worker-pod.ts'
import type { DrivenNode, NodeDriver } from './node-driver.ts'
import { NotYet } from './not-yet.ts'

export interface KubernetesDriverOptions {
  tiers: readonly Pick<Tier, 'name'>[]
  api: Pick<KubernetesApi, 'readScale' | 'replaceScale' | 'listPods' | 'annotatePod' | 'close'>
  /** How far the controllers of the cluster may lag behind what its store holds. */
  settleMs?: number
  nowMs?: () => number
  /** Between two tries of one call. */
  pause?: (signal: AbortSignal) => Promise<unknown>
}

/** What was read is good for so long; a call of the API that hangs may take longer. */
const freshMs = 500
/** A Deployment's status changes with its pods, so that conflicts come in rows. */
const tries = 5

const pauseShortly = (signal: AbortSignal): Promise<unknown> => delay(250, undefined, { signal })

const deploymentOf = (tier: string): string => `noodle-worker-${tier}`

/**
 * Nodes are the pods of a Deployment for each tier; a node's id is the name of its pod. Nothing is started or stopped but by the number of replicas, and a pod
 * goes only when it is certain to be the one that its ReplicaSet takes (docs/adr/0016-pods-that-go.md). All that has to outlive this process stands in the cluster: the
 * scale, and annotations of the pods.
 */
export function makeKubernetesDriver(options: KubernetesDriverOptions): NodeDriver {
  const { tiers, api, settleMs = 4000, nowMs = () => performance.now(), pause = pauseShortly } = options
  const memories = new Map(tiers.map(({ name }) => [name, makeTierMemory()]))
  /** Since when replicas have no pod, by the ids that they have until then. */
  const promisedSinceMs = new Map<string, number>()

  interface TierMemory {
    pods: PodMemory
    /** The pods that were to be stopped, by their uids, and after which list that was last said. */
    unwanted: Map<string, number>
    lists: number
  }

  function makeTierMemory(): TierMemory {
    return { pods: makePodMemory(settleMs, nowMs), unwanted: new Map(), lists: 0 }
  }

  function memoryOf(tier: string): TierMemory {
    const memory = memories.get(tier)
    if (!memory) throw new Error(`There is no tier ${tier}.`)
    return memory
  }

  interface Fleet extends Scale {
    readAtMs: number
    /** Those that count: none that ends. */
    pods: WorkerPod[]
    ending: WorkerPod[]
  }

  /** Null when there is no Deployment. */
  async function look(tier: string, signal: AbortSignal): Promise<Fleet | null> {
    const readAtMs = nowMs()
    // The scale first: what has changed after it makes a change of it fail.
    const scale = await api.readScale(deploymentOf(tier), signal)
    if (!scale) return null
    const all = await api.listPods(scale.selector, signal)
    memoryOf(tier).pods.note(all)
    const [ending, pods] = [true, false].map((is) => all.filter(({ isTerminating }) => isTerminating === is))
    return { ...scale, readAtMs, pods: pods ?? [], ending: ending ?? [] }
  }

  async function list(tier: string, signal: AbortSignal): Promise<DrivenNode[]> {
    const fleet = await look(tier, signal)
    const memory = memoryOf(tier)
    const uids = new Set([...(fleet?.pods ?? []), ...(fleet?.ending ?? [])].map(({ uid }) => uid))
    memory.pods.keep(uids)
    for (const uid of memory.unwanted.keys()) if (!uids.has(uid)) memory.unwanted.delete(uid)
    memory.lists++
    if (!fleet) return []
    const { replicas, pods, ending } = fleet
    const leaving = pods.filter(isLeaving)
    const areGoing = leaving.length <= pods.length - replicas
    return [
      ...pods.map((pod) => ({ id: pod.name, tier, isStopping: areGoing && isLeaving(pod) })),
      ...ending.map(({ name: id }) => ({ id, tier, isStopping: true })),
      ...promised(tier, replicas - pods.length).map((id) => ({
        id,
        tier,
        isStopping: false,
        isPromised: true,
      })),
    ]
  }

  /** Ids for replicas that have no pod yet; the first was missed first. */
  function promised(tier: string, count: number): string[] {
    const idOf = (n: number) => `${deploymentOf(tier)}/replica-${String(n)}`
    for (let n = Math.max(0, count) + 1; promisedSinceMs.delete(idOf(n)); n++);
    return Array.from({ length: Math.max(0, count) }, (_, n) => {
      const id = idOf(n + 1)
      if (!promisedSinceMs.has(id)) promisedSinceMs.set(id, nowMs())
      return id
    })
  }

  async function start(tier: string, signal: AbortSignal): Promise<void> {
    for (let n = 0; n < tries;) {
      const fleet = await look(tier, signal)
      if (!fleet)
        throw new Error(`There is no Deployment ${deploymentOf(tier)}, so the tier ${tier} can have no node.`)
      // One replica more would only keep a pod that is about to go.
      if (fleet.pods.length <= fleet.replicas) {
        if (await setReplicas(tier, fleet, fleet.replicas + 1, signal)) return
        n++
      }
      await pause(signal)
    }
    throw new Error(`The Deployment ${deploymentOf(tier)} changes faster than it can be scaled.`)
  }

  async function stop({ id, tier, isPromised }: DrivenNode, signal: AbortSignal): Promise<void> {
    for (let n = 0; n < tries; n++) {
      const fleet = await look(tier, signal)
      if (!fleet) return
      const replicas = isPromised ? withoutPromised(id, fleet) : await withoutPod({ id, tier }, fleet, signal)
      if (replicas === null || (await setReplicas(tier, fleet, replicas, signal))) return
      await pause(signal)
    }
    throw new NotYet(`the Deployment ${deploymentOf(tier)} changes faster than it can be scaled`)
  }

  /** Null when there is nothing to do any more. @throws NotYet */
  function withoutPromised(id: string, { replicas, pods }: Fleet): number | null {
    if (replicas <= pods.length) return null
    const sinceMs = promisedSinceMs.get(id)
    // Else its pod may be up before all have heard that it shall not be.
    if (sinceMs === undefined || nowMs() - sinceMs < settleMs)
      throw new NotYet('its pod may be in the making')
    return replicas - 1
  }

  /** As withoutPromised. */
  async function withoutPod(
    { id, tier }: Pick<DrivenNode, 'id' | 'tier'>,
    { replicas, pods }: Fleet,
    signal: AbortSignal,
  ): Promise<number | null> {
    const memory = memoryOf(tier)
    let wanted = pods.find((pod) => pod.name === id)
    if (!wanted) return null
    if (wanted.isReady)
      throw new NotYet('it is still ready; the readinessProbe of workers must ask for /ready')
    if (!isLeaving(wanted)) {
      const marked = await annotate(tier, wanted, { cost: leavingCost, leaving: wanted.containers }, signal)
      if (!marked) return null
      pods[pods.indexOf(wanted)] = wanted = marked
    }
    memory.unwanted.set(wanted.uid, memory.lists)
    if (replicas === pods.length) await forgetMarks(tier, pods, signal)
    const isUnwanted = ({ uid }: WorkerPod) => memory.unwanted.get(uid) === memory.lists
    const plan = planRemoval({ replicas, pods, wanted, isUnwanted, ...memory.pods })
    if ('wait' in plan) throw new NotYet(plan.wait)
    return 'replicas' in plan ? plan.replicas : null
  }

  /** Of pods that take jobs again: they were not to be stopped any more when that was last decided. */
  async function forgetMarks(tier: string, pods: readonly WorkerPod[], signal: AbortSignal): Promise<void> {
    const { unwanted, lists } = memoryOf(tier)
    for (const pod of pods)
      if (pod.leaving !== null && !(isLeaving(pod) && (unwanted.get(pod.uid) ?? -1) >= lists - 1))
        await annotate(tier, pod, { cost: null, leaving: null }, signal)
  }

  async function annotate(
    tier: string,
    pod: WorkerPod,
    { cost, leaving }: { cost: number | null; leaving: string | null },
    signal: AbortSignal,
  ): Promise<WorkerPod | null> {
    const annotations = {
      [costAnnotation]: cost === null ? null : String(cost),
      [leavingAnnotation]: leaving,
    }
    const changed = await api.annotatePod(pod, annotations, signal)
    if (!changed || changed.isTerminating) return null
    memoryOf(tier).pods.note([changed])
    return changed
  }

  /** False when it has to be looked at again. */
  async function setReplicas(
    tier: string,
    { resourceVersion, readAtMs }: Fleet,
    replicas: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (nowMs() - readAtMs > freshMs) return false
    return api.replaceScale(deploymentOf(tier), { resourceVersion, replicas }, signal)
  }

  return {
    name: 'kubernetes',
    callsAtOnce: 1, // all change one number, each only as long as it is what was read
    list,
    start,
    async drain({ id, tier }, signal) {
      const fleet = await look(tier, signal)
      const pod = fleet?.pods.find(({ name }) => name === id)
      // It would not be ready any more, and a rollout waits until its pods are: each would wait for the other.
      if (fleet?.pods.some(({ owner }) => owner !== pod?.owner)) throw new NotYet('a rollout is going on')
      if (pod && pod.cost > drainingCost)
        await annotate(tier, pod, { cost: drainingCost, leaving: null }, signal)
    },
    async recall({ id, tier }, signal) {
      const fleet = await look(tier, signal)
      const pod = fleet?.pods.find(({ name }) => name === id)
      if (pod?.cost === drainingCost) await annotate(tier, pod, { cost: null, leaving: null }, signal)
    },
    stop,
    close: () => api.close(),
  }
}
