import { expect, test } from '@jest/globals'
import type { V1Pod } from '@kubernetes/client-node'
import fc from 'fast-check'
import { planRemoval } from '../../../../ops/autoscale/drivers/kubernetes/plan-removal.ts'
import { toWorkerPod, type WorkerPod } from '../../../../ops/autoscale/drivers/kubernetes/worker-pod.ts'
import { podObject } from './api-objects.ts'
import { byDeletion, type DoublePod } from './pod-order.ts'

interface Case {
  isAssigned: boolean
  isRunning: boolean
  isReady: boolean
  mark: 'none' | 'draining' | 'leaving' | 'leaving before a restart'
  isUnwanted: boolean
  isSettled: boolean
  hasSettledToRun: boolean
  replicaSet: string
  /** What a cache of the controllers may say instead, as far as it may be behind; and what may be a moment later. */
  seems: { isRunning: boolean; isReady: boolean; isMarked: boolean }
}

const often = (value: boolean) => fc.oneof({ weight: 5, arbitrary: fc.constant(value) }, fc.constant(!value))
const aCase: fc.Arbitrary<Case> = fc.record({
  ...{ isAssigned: often(true), isRunning: often(true), isReady: fc.boolean() },
  mark: fc.constantFrom('none', 'none', 'draining', 'leaving', 'leaving', 'leaving before a restart'),
  ...{ isUnwanted: fc.boolean(), isSettled: often(true), hasSettledToRun: often(true) },
  replicaSet: fc.oneof({ weight: 12, arbitrary: fc.constant('one') }, fc.constant('two')),
  seems: fc.record({ isRunning: fc.boolean(), isReady: fc.boolean(), isMarked: fc.boolean() }),
})

const cost = 'controller.kubernetes.io/pod-deletion-cost'

function toDouble(it: Case, n: number): DoublePod {
  const isRunning = it.isAssigned && it.isRunning
  const id = String(n)
  const containers = `containerd://${id}-0`
  const marks: Record<Case['mark'], Record<string, string>> = {
    none: {},
    draining: { [cost]: '-1000000' },
    leaving: { [cost]: '-2147483648', 'noodle/leaving': isRunning ? containers : '' },
    'leaving before a restart': { [cost]: '-2147483648', 'noodle/leaving': 'containerd://before' },
  }
  return {
    ...{ name: id, uid: id, deployment: 'd', replicaSet: it.replicaSet, machine: it.isAssigned ? 'm' : null },
    ...{ phase: isRunning ? 'Running' : 'Pending', isReady: isRunning && it.isReady, readySinceMs: n },
    ...{ restarts: 0, createdAtMs: n, isTerminating: false, annotations: marks[it.mark], version: 1 },
    ...{ node: null, isFlaky: false, startedAtMs: 0 },
  }
}

/** As a ReplicaSet may see it when it acts. */
function seen(pod: DoublePod, it: Case): DoublePod {
  const isRunning = pod.phase === 'Running' && (it.hasSettledToRun || it.seems.isRunning)
  const isSure = it.isSettled && it.isUnwanted
  return {
    ...pod,
    phase: isRunning ? 'Running' : 'Pending',
    isReady: isRunning && (isSure ? pod.isReady : it.seems.isReady),
    annotations: it.isSettled || it.seems.isMarked ? pod.annotations : {},
  }
}

test('the pods that a ReplicaSet takes by its rules are those that shall go, whatever its caches say and probes do', () => {
  let removals = 0
  fc.assert(
    fc.property(
      fc.array(aCase, { minLength: 1, maxLength: 8 }),
      fc.constantFrom(0, 0, 0, 0, -1, -2, 1),
      fc.constantFrom('one', 'two'),
      (cases, more, reduced) => {
        const [first, ...others] = cases
        if (!first) return
        const all: Case[] = [{ ...first, mark: 'leaving', isUnwanted: true, isReady: false }, ...others]
        const doubles = all.map(toDouble)
        const pods = doubles.map((pod) => toWorkerPod(podObject(pod) as unknown as V1Pod)) as WorkerPod[]
        const of = (is: (it: Case) => boolean) => (pod: WorkerPod) =>
          all.some((it, n) => pods[n] === pod && is(it))
        const [wanted] = pods
        if (!wanted) return
        const plan = planRemoval({
          ...{ replicas: pods.length + more, pods, wanted },
          isUnwanted: of((it) => it.isUnwanted),
          isSettled: of((it) => it.isSettled),
          hasSettledToRun: of((it) => it.hasSettledToRun),
        })
        if (!('replicas' in plan)) return
        removals++
        const views = all.flatMap((it, n) => {
          const pod = doubles[n]
          return pod ? [seen(pod, it)] : []
        })
        const owners = new Set(views.map(({ replicaSet }) => replicaSet))
        const group = views.filter(({ replicaSet }) => !owners.has(reduced) || replicaSet === reduced)
        const victims = group.toSorted(byDeletion(views)).slice(0, Math.max(0, pods.length - plan.replicas))
        expect(victims.map(({ name }) => name)).toContain(wanted.name)
        for (const { name } of victims) {
          const it = all[Number(name)]
          expect(it?.isUnwanted && it.mark === 'leaving' && !pods[Number(name)]?.isReady).toBe(true)
        }
      },
    ),
    { numRuns: 5000 },
  )
  expect(removals).toBeGreaterThan(100) // it was about something
})
