import { expect, test } from '@jest/globals'
import { makeDispatchRounds } from '../../../queue/use-cases/dispatch-jobs.ts'
import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'
import { reconcileDeliveries } from '../../../queue/use-cases/reconcile-deliveries.ts'
import { releaseJobs } from '../../../queue/use-cases/release-jobs.ts'
import {
  aJob,
  alice,
  aNode,
  bob,
  dispatchJobs,
  openTestQueue,
  stateOf,
  statesOf,
  submit,
} from '../../support/test-queue.ts'
import { claimJob } from '../../../queue/use-cases/claim-job.ts'
import { waitFor } from '../../support/wait-for.ts'
import { startInnerWorker } from '../../workers/an-inner-worker.ts'

const noNodes = () => Promise.resolve({ nodes: [] })

async function openWithProfile(serviceMs: Record<string, number>): Promise<QueueDeps> {
  const { deps } = await openTestQueue({ dispatchWindow: 1000 })
  deps.taskProfiles.tell('small', new Map(Object.entries(serviceMs)))
  await waitFor(async () => (await deps.taskProfiles.read('small')).size > 0)
  return deps
}

/** The deliveries in Redis, as lists of job ids. */
async function deliveries(deps: QueueDeps): Promise<string[][]> {
  const entries = await deps.deliveries.queueOf('small').getJobs(['prioritized', 'waiting'])
  return entries.map(({ data }) => data.jobs.map(({ id }) => id))
}

test('short jobs of one task, tenant and priority travel together, others alone', async () => {
  const deps = await openWithProfile({ echo: 1, sleep: 5000 })
  const short = [await submit(deps), await submit(deps), await submit(deps)]
  const foreign = await submit(deps, {}, bob)
  const urgent = await submit(deps, { priority: 9 })
  const gpu = await submit(deps, { resources: { cpu: 1, memoryMb: 1, gpu: 1 } })
  const long = [await submit(deps, { task: 'sleep' }), await submit(deps, { task: 'sleep' })]
  await makeDispatchRounds(deps, noNodes).run()
  const found = await deliveries(deps)
  expect(found.map((ids) => ids.length).sort()).toEqual([1, 1, 1, 1, 1, 3])
  expect(found.find((ids) => ids.length === 3)?.sort()).toEqual(short.sort())
  expect(found.flat().sort()).toEqual([...short, foreign, urgent, gpu, ...long].sort())
})

test('while slots may be free short jobs travel alone, but for the briefest', async () => {
  const deps = await openWithProfile({ echo: 0.5, sleep: 20 })
  await aNode(deps) // it has 10 slots
  for (let i = 0; i < 10; i++) await submit(deps)
  for (let i = 0; i < 5; i++) await submit(deps, { task: 'sleep' })
  await dispatchJobs(deps)
  expect((await deliveries(deps)).map((ids) => ids.length).sort()).toEqual([1, 1, 1, 1, 1, 10])
})

test('a job whose task is not known to be short travels alone', async () => {
  const { deps } = await openTestQueue()
  await submit(deps)
  await submit(deps)
  await makeDispatchRounds(deps, noNodes).run()
  expect(await deliveries(deps)).toHaveLength(2)
})

test('jobs whose shared delivery was lost share the new one too', async () => {
  const deps = await openWithProfile({ echo: 1 })
  const ids = [await submit(deps), await submit(deps), await submit(deps)]
  const alone = await submit(deps, { priority: 9 })
  await makeDispatchRounds(deps, noNodes).run()
  const before = await deliveries(deps)
  expect(before).toHaveLength(2)
  await deps.deliveries.queueOf('small').obliterate({ force: true })
  expect(await reconcileDeliveries(deps, 0)).toBe(4)
  const anew = await deliveries(deps)
  expect(anew.map((jobs) => jobs.sort()).sort((a, b) => a.length - b.length)).toEqual([[alone], ids.sort()])
})

test('a released job goes back at no cost, but only under the number of its delivery (T12)', async () => {
  const { deps } = await openTestQueue()
  const id = await submit(deps)
  await dispatchJobs(deps)
  await releaseJobs(deps, [{ id, seq: 2 }])
  expect(await stateOf(deps, id)).toBe('queued')
  await releaseJobs(deps, [{ id, seq: 1 }])
  expect(await statesOf(deps, id)).toEqual(['pending', 'queued', 'pending'])
  expect(await deps.jobs.find(id, null)).toMatchObject({ attempt: 0, failures: 0, handBacks: 0 })
  await dispatchJobs(deps)
  expect(await claimJob(deps, await aNode(deps), { id, seq: 2 })).toMatchObject({ id, attempt: 1 })
  await releaseJobs(deps, [{ id, seq: 2 }])
  expect(await stateOf(deps, id)).toBe('running')
})

test('what a delivery brought and a busy worker can not start is released, and runs in the end', async () => {
  const deps = await openWithProfile({ sleep: 1 })
  const specs = Array.from({ length: 6 }, () => aJob({ task: 'sleep', payload: { ms: 400 } }))
  const ids = await Promise.all(specs.map((spec) => submit(deps, spec, alice)))
  await makeDispatchRounds(deps, noNodes).run()
  expect(await deliveries(deps)).toHaveLength(1)
  await startInnerWorker(deps, { concurrency: 2 })
  await waitFor(async () =>
    (await Promise.all(ids.map((id) => statesOf(deps, id)))).flat().includes('running'),
  )
  await waitFor(async () => {
    const states = await Promise.all(ids.map((id) => statesOf(deps, id)))
    return states.some((one) => one.join() === 'pending,queued,pending')
  })
  await waitFor(
    async () => {
      await dispatchJobs(deps)
      const states = await Promise.all(ids.map((id) => stateOf(deps, id)))
      return states.every((state) => state === 'succeeded')
    },
    { timeoutMs: 20_000 },
  )
})
