import { expect, test } from '@jest/globals'
import type { V1Pod } from '@kubernetes/client-node'
import fc from 'fast-check'
import {
  type KubernetesDriverOptions,
  makeKubernetesDriver,
} from '../../../../ops/autoscale/drivers/kubernetes-driver.ts'
import { toWorkerPod } from '../../../../ops/autoscale/drivers/kubernetes/worker-pod.ts'
import { NotYet } from '../../../../ops/autoscale/drivers/not-yet.ts'
import { podObject } from './api-objects.ts'
import { makeCluster } from './cluster-double.ts'
import { bootMs, fleetEvents, liveThrough, podEvents, type World } from './cluster-life.ts'
import type { DoublePod } from './pod-order.ts'

/*
 * A double of the cluster, since none can be had: no busy pod is taken by a scale-in of Noodle's, whatever happens in between. Assumed is that controllers act on
 * what is stored within `settleMs`, and that a worker gets its first job no sooner than `bootMs` after its container has started.
 */

/** `during`: what happens before each of the calls of the API that it takes. */
type Step =
  | World
  | { do: 'start' | 'stopDrained' | 'newLeader'; during: World[] }
  | { do: 'drain' | 'recall' | 'giveUp' | 'loseAnswer'; pod: number; during: World[] }

interface Setting {
  lagMs: number
  /** Others change the Deployment too. */
  hasOthers: boolean
  /** Nodes that are not up yet are given up. */
  givesUp: boolean
}

const aWorldStep = ({ hasOthers }: Setting, longestMs: number): fc.Arbitrary<World> =>
  fc.oneof(
    {
      weight: 24,
      arbitrary: fc.record({
        do: fc.constant('advance' as const),
        ms: fc.integer({ min: 0, max: longestMs }),
      }),
    },
    { weight: 24, arbitrary: fc.record({ do: fc.constantFrom(...podEvents), pod: fc.nat(15) }) },
    {
      weight: 40,
      arbitrary: fc.record({ do: fc.constant('all' as const), event: fc.constantFrom(...fleetEvents) }),
    },
    ...(hasOthers
      ? [
          { weight: 1, arbitrary: fc.constant({ do: 'rollout' as const }) },
          {
            weight: 1,
            arbitrary: fc.record({ do: fc.constant('scale' as const), by: fc.constantFrom(1, -1) }),
          },
        ]
      : []),
  )

function aStep(setting: Setting): fc.Arbitrary<Step> {
  const during = fc.array(aWorldStep(setting, 200), { maxLength: 6 })
  const kinds = [
    'drain',
    'drain',
    'recall',
    'loseAnswer',
    ...(setting.givesUp ? (['giveUp'] as const) : []),
  ] as const
  return fc.oneof(
    { weight: 5, arbitrary: aWorldStep(setting, 2000) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constantFrom(
          'start' as const,
          'stopDrained' as const,
          'stopDrained' as const,
          'newLeader' as const,
        ),
        during,
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom(...kinds), pod: fc.nat(15), during }) },
  )
}

async function play(steps: readonly Step[], setting: Setting, seed: number) {
  let state = seed | 1
  const random = () => ((state = Math.imul(state, 1_103_515_245) + 12_345) >>> 8) / 2 ** 24
  const lag = () => random() * setting.lagMs
  const cluster = makeCluster({
    lagMs: { deployments: lag(), replicaSets: lag(), pods: lag() },
    surge: random() < 0.5 ? 0 : 1,
  })
  const deployment = cluster.addDeployment('small', 4)
  let during: World[] = []
  let isAnswerLost = false
  let calls = 0
  let late = new AbortController()
  let removals = 0
  let recalls = 0
  /** Nodes of which the registry has heard that they have drained. */
  const drained = new Set<DoublePod['node']>()
  /** Why something had to wait, to be read when a run fails. */
  let last = ''

  const called = () => {
    for (const step of during.splice(0, 2)) live(step)
    // What hangs, as start does while pods are about to go, goes on until it is given up; meanwhile time passes.
    if (++calls > 8) cluster.advance(200)
    if (calls > 20) late.abort()
    return Promise.resolve()
  }
  const api: KubernetesDriverOptions['api'] = {
    async readScale(name) {
      await called()
      return { replicas: deployment.replicas, resourceVersion: String(deployment.version), selector: name }
    },
    async listPods() {
      await called()
      return [...cluster.pods.values()].flatMap(
        (pod) => toWorkerPod(podObject(pod) as unknown as V1Pod) ?? [],
      )
    },
    async replaceScale(name, { replicas, resourceVersion }) {
      await called()
      const isFewer = replicas < deployment.replicas
      const isDone = cluster.setScale(name, replicas, { version: Number(resourceVersion) })
      if (isDone && isFewer) removals++
      if (isAnswerLost) throw new Error('The connection was lost.')
      return isDone
    },
    async annotatePod({ uid }, annotations) {
      await called()
      const pod = cluster.annotate(uid, annotations)
      if (isAnswerLost) throw new Error('The connection was lost.')
      return pod && toWorkerPod(podObject(pod) as unknown as V1Pod)
    },
    close: () => Promise.resolve(),
  }
  const open = () =>
    makeKubernetesDriver({
      ...{ tiers: [{ name: 'small' }], api, nowMs: () => cluster.state.nowMs },
      pause: (signal) => (signal.aborted ? Promise.reject(new Error('late')) : Promise.resolve()),
    })
  let driver = open()

  const live = (step: World): void => liveThrough(cluster, deployment, step)

  async function attempt(act: (signal: AbortSignal) => Promise<unknown>): Promise<boolean> {
    calls = 0
    late = new AbortController()
    try {
      await act(late.signal)
      return true
    } catch (error) {
      if (error instanceof NotYet) last = error.message
      else if (!isAnswerLost && !late.signal.aborted) throw error
      return false
    }
  }

  const driven = ({ name: id }: DoublePod) => ({ id, tier: 'small', isStopping: false })

  async function stopDrained(): Promise<void> {
    await attempt(async (signal) => {
      const nodes = await driver.list('small', signal)
      for (const pod of cluster.pods.values()) {
        const node = nodes.find(({ id, isStopping }) => id === pod.name && !isStopping)
        if (!node || !pod.node?.isDraining || pod.node.isBusy) continue
        drained.add(pod.node)
        await attempt((late) => driver.stop(node, late))
      }
    })
  }

  async function take(step: Step): Promise<void> {
    if (!('during' in step)) {
      live(step)
      return
    }
    during = [...step.during]
    const pod =
      'pod' in step ? [...cluster.pods.values()][step.pod % Math.max(1, cluster.pods.size)] : undefined
    if (step.do === 'start') await attempt((signal) => driver.start('small', signal))
    else if (step.do === 'stopDrained') await stopDrained()
    else if (step.do === 'newLeader') driver = open()
    else if (step.do === 'drain' && pod?.node && !pod.node.isDraining) {
      const { node } = pod // that of a worker which starts anew meanwhile is another
      const isMarked = await attempt((signal) => driver.drain(driven(pod), signal))
      if (isMarked) node.isDraining = true
    } else if (step.do === 'recall' && pod?.node?.isDraining) {
      const { node } = pod
      const isUnmarked = await attempt((signal) => driver.recall(driven(pod), signal))
      if (!isUnmarked || drained.has(node)) return
      node.isDraining = false
      recalls++
    } else if (step.do === 'giveUp') {
      await attempt(async (signal) => {
        const nodes = await driver.list('small', signal)
        const isLive = (id: string) => [...cluster.pods.values()].some((one) => one.name === id && one.node)
        const node = nodes.filter(({ id, isStopping }) => !isStopping && !isLive(id)).at(-1)
        if (node) await driver.stop(node, signal)
      })
    } else if (step.do === 'loseAnswer') {
      isAnswerLost = true
      await stopDrained()
      isAnswerLost = false
    }
  }

  /** Nothing happens any more but what must: all that drains goes, and nothing else. */
  async function settle(): Promise<void> {
    during = []
    for (let second = 0; second < 120; second++) {
      for (const pod of cluster.pods.values()) {
        if (pod.isTerminating) cluster.pods.delete(pod.uid)
        pod.machine ??= 'machine-0'
        pod.isFlaky = false
        if (pod.phase === 'Pending') cluster.startContainer(pod)
        if (cluster.state.nowMs - pod.startedAtMs >= bootMs) pod.node ??= { isDraining: false, isBusy: false }
        if (pod.node?.isDraining) pod.node.isBusy = false
        cluster.probe(pod)
      }
      if (second % 5 === 0) await stopDrained()
      cluster.advance(1000)
    }
  }

  for (const step of steps) await take(step)
  await settle()
  return {
    killed: cluster.killed,
    draining: [...cluster.pods.values()].filter(({ node }) => node?.isDraining).map(({ name }) => name),
    missing:
      deployment.replicas - [...cluster.pods.values()].filter(({ isTerminating }) => !isTerminating).length,
    ...{ removals, recalls, last },
  }
}

test('what was read too long ago is read anew before a pod is made to go', async () => {
  const cluster = makeCluster({})
  const deployment = cluster.addDeployment('small', 2)
  cluster.advance(0)
  const [idle, other] = [...cluster.pods.values()]
  if (!idle || !other) throw new Error('There are two pods.')
  for (const pod of [idle, other]) {
    pod.machine = 'machine'
    cluster.startContainer(pod)
    pod.node = { isDraining: pod === idle, isBusy: pod !== idle }
  }
  cluster.advance(10_000)
  for (const pod of [idle, other]) cluster.probe(pod)
  const told = { listMs: 0, lists: 0, writes: [] as number[] }
  const driver = makeKubernetesDriver({
    ...{ tiers: [{ name: 'small' }], nowMs: () => cluster.state.nowMs, pause: () => Promise.resolve() },
    api: {
      readScale: (name) =>
        Promise.resolve({
          ...{ replicas: deployment.replicas, resourceVersion: String(deployment.version), selector: name },
        }),
      listPods() {
        told.lists++
        const pods = [...cluster.pods.values()].flatMap(
          (pod) => toWorkerPod(podObject(pod) as unknown as V1Pod) ?? [],
        )
        cluster.advance(told.listMs) // until the answer is here
        told.listMs = 0
        return Promise.resolve(pods)
      },
      annotatePod({ uid }, annotations) {
        const pod = cluster.annotate(uid, annotations)
        return Promise.resolve(pod && toWorkerPod(podObject(pod) as unknown as V1Pod))
      },
      replaceScale(_, { replicas }) {
        told.writes.push(told.lists)
        return Promise.resolve(cluster.setScale('noodle-worker-small', replicas))
      },
      close: () => Promise.resolve(),
    },
  })
  const never = new AbortController().signal
  const node = { id: idle.name, tier: 'small', isStopping: false }
  await driver.list('small', never)
  await expect(driver.stop(node, never)).rejects.toThrow('it was marked or changed just now')
  cluster.advance(5000)
  await driver.list('small', never)
  told.lists = 0
  told.listMs = 501
  await driver.stop(node, never)
  expect(told.writes).toEqual([2]) // not by the first answer
})

/** Up from the start, so that there is something to lose. */
const opening: Step[] = [
  { do: 'advance', ms: 5000 },
  ...(['schedule', 'run'] as const).flatMap((step) => [0, 1, 2, 3].map((pod) => ({ do: step, pod }))),
  { do: 'advance', ms: 6000 },
  ...(['register', 'claim', 'probe'] as const).flatMap((step) =>
    [0, 1, 2, 3].map((pod) => ({ do: step, pod })),
  ),
]

test.each<[string, Setting]>([
  ['controllers that lag', { lagMs: 1800, hasOthers: false, givesUp: false }],
  ['nodes that are given up before they are up', { lagMs: 400, hasOthers: false, givesUp: true }],
  ['rollouts and others who scale', { lagMs: 400, hasOthers: true, givesUp: true }],
])('no busy pod is taken, and all that is drained goes: %s', async (_, setting) => {
  let removals = 0
  let recalls = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(aStep(setting), { minLength: 30, maxLength: 80 }),
      fc.integer(),
      async (steps, seed) => {
        const end = await play([...opening, ...steps], setting, seed)
        removals += end.removals
        recalls += end.recalls
        expect(end).toMatchObject({ killed: [], draining: [], missing: 0 })
      },
    ),
    { numRuns: 60 },
  )
  expect(Math.min(removals, recalls)).toBeGreaterThan(0) // it was about something
})
