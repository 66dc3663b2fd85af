import { expect } from '@jest/globals'
import { makeAutoscaler } from '../../../../ops/autoscale/autoscaler.ts'
import { makePatient } from '../../../../ops/autoscale/patient-driver.ts'
import type { QueueDeps } from '../../../../queue/use-cases/queue-deps.ts'
import { makeScalingPolicies } from '../../../../queue/use-cases/scaling-policies.ts'
import { cleanUp } from '../../../support/clean-up.ts'
import { aRunningJob, openTestQueue, stateOf } from '../../../support/test-queue.ts'
import { waitFor } from '../../../support/wait-for.ts'
import { certificateTest } from '../../../support/certificates.ts'
import { openDouble } from './open-double.ts'

/* The autoscaler over the driver, with a real Postgres, against the double of driver.test.ts. Workers are rows of the registry. */

certificateTest(
  'a tier on Kubernetes grows and shrinks, and the pod with a job is not among those that go',
  async () => {
    const { deps } = await openTestQueue()
    const { cluster, deployment, openDriver } = await openDouble({ replicas: 1 })
    const { driver, errors } = openDriver({ settleMs: 50 })
    const policies = makeScalingPolicies(deps.tiers, {
      default: { min: 0, max: 0 },
      small: { mode: 'manual', replicas: 4, min: 0, max: 16, cooldownSeconds: 0 },
    })
    const autoscaler = makeAutoscaler(deps, {
      leader: { term: () => 1 },
      driver: makePatient(driver, 5000),
      policyOf: policies.of,
      ...{ usual: { slots: 4, coldStartSeconds: 1 }, startDeadlineMs: 60_000, everyMs: 50 },
    })
    cleanUp(() => autoscaler.stop())
    await autoscaler.start()
    const boots = new Map<string, string>()
    const pods = () => [...cluster.pods.values()].filter(({ isTerminating }) => !isTerminating)

    /** What kubelets and workers do meanwhile. */
    async function live(): Promise<void> {
      const nodes = await deps.nodes.listLive()
      for (const pod of cluster.pods.values()) {
        const node = nodes.find(({ id }) => id === pod.name)
        const isDraining = node?.state === 'draining'
        pod.machine ??= 'machine'
        if (pod.phase === 'Pending') cluster.startContainer(pod)
        if (!boots.has(pod.name)) boots.set(pod.name, await register(deps, pod.name))
        pod.node = { isDraining, isBusy: (node?.running ?? 0) > 0 }
        if (node) {
          const report = { isDrained: isDraining && !pod.node.isBusy, use: node.use }
          await deps.nodes.renew(node.bootId, 60_000, report)
        }
        cluster.probe(pod)
        if (!pod.isTerminating) continue
        await deps.nodes.sayGoodbye(boots.get(pod.name) ?? '')
        cluster.pods.delete(pod.uid)
      }
      cluster.advance(0)
    }
    const until = (what: () => boolean) =>
      waitFor(async () => {
        await live()
        return what()
      })

    await until(() => pods().length === 4 && pods().every(({ isReady }) => isReady))
    const [busy] = pods()
    const job = await aRunningJob(deps, boots.get(busy?.name ?? '') ?? '')
    await deps.scaling.changePolicy('small', { replicas: 0 })
    await until(() => pods().length === 1)
    expect(pods()).toEqual([busy])
    expect([deployment.replicas, cluster.killed, errors]).toEqual([1, [], []])
    expect(await stateOf(deps, job.id)).toBe('running')
  },
)

async function register(deps: QueueDeps, id: string): Promise<string> {
  const bootId = deps.newId()
  const size = { tiers: ['small'], cpus: 2, memoryMb: 4096, gpus: 0, concurrency: 4 }
  await deps.nodes.register({ id, bootId, ...size, version: '0', tasks: [] }, 60_000)
  return bootId
}
