import { expect, test } from '@jest/globals'
import { cancelJob } from '../../../queue/use-cases/cancel-job.ts'
import { claimJob } from '../../../queue/use-cases/claim-job.ts'
import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'
import { makeOrphanRound } from '../../../queue/use-cases/remove-orphan-deliveries.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { alice, aNode, dispatchJobs, openTestQueue, submit } from '../../support/test-queue.ts'
import { waitFor } from '../../support/wait-for.ts'

/** Ids of the jobs whose deliveries are in Redis, held ones included. */
async function delivered(deps: QueueDeps): Promise<string[]> {
  const entries = await deps.deliveries
    .queueOf('small')
    .getJobs(['prioritized', 'waiting', 'delayed', 'active'])
  return entries.flatMap(({ data }) => data.jobs.map((job) => job.id)).sort()
}

async function queuedJobs(deps: QueueDeps, count: number): Promise<string[]> {
  const ids: string[] = []
  for (let i = 0; i < count; i++) ids.push(await submit(deps))
  await dispatchJobs(deps)
  return ids
}

test('deliveries of jobs that are cancelled or started are removed, those of queued jobs stay', async () => {
  const { deps } = await openTestQueue()
  const [cancelled = '', started = '', queued = ''] = await queuedJobs(deps, 3)
  await cancelJob(deps, alice, cancelled)
  await claimJob(deps, await aNode(deps), { id: started, seq: 1 })
  expect(await makeOrphanRound(deps)()).toBe(true)
  expect(await delivered(deps)).toEqual([queued])
  expect((await deps.metrics.orphanDeliveries.get()).values).toMatchObject([
    { labels: { tier: 'small' }, value: 2 },
    { labels: { tier: 'medium' }, value: 0 },
    { labels: { tier: 'heavy' }, value: 0 },
  ])
})

test('a delivery of several jobs stays as long as one of them is queued', async () => {
  const { deps } = await openTestQueue()
  const [first = '', second = ''] = await queuedJobs(deps, 2)
  await deps.deliveries.queueOf('small').obliterate({ force: true })
  const common = {
    ...{ deliveryId: deps.newId(), seq: 1, task: 'echo', tenant: 'wonderland', priority: 5 },
    isSuspect: false,
    resources: null,
  }
  await deps.deliveries.send(
    'small',
    [first, second].map((id) => ({ ...common, id })),
  )
  await cancelJob(deps, alice, first)
  await makeOrphanRound(deps)()
  expect(await delivered(deps)).toEqual([first, second].sort())
  await cancelJob(deps, alice, second)
  await makeOrphanRound(deps)()
  expect(await delivered(deps)).toEqual([])
})

test('it goes through a long queue in rounds, passes over nothing that it moved up itself, and begins anew at the end', async () => {
  const { deps } = await openTestQueue()
  const ids = await queuedJobs(deps, 9)
  const kept = [ids[0], ids[4]]
  for (const id of ids.filter((one) => !kept.includes(one))) await cancelJob(deps, alice, id)
  const look = makeOrphanRound(deps, 3)
  let rounds = 1
  while (await look()) rounds++
  expect(await delivered(deps)).toEqual(kept.sort())
  expect(rounds).toBeLessThan(10)

  await cancelJob(deps, alice, ids[0] ?? '')
  while (await look());
  expect(await delivered(deps)).toEqual([ids[4]])
})

test('a delivery that was returned is looked at, one that a worker holds is not', async () => {
  const { deps } = await openTestQueue()
  const [id = ''] = await queuedJobs(deps, 1)
  let isReturned = false
  let release = () => {}
  const held = new Promise<void>((resolve) => (release = resolve))
  const consumer = deps.deliveries.consume('small', 1, async () => {
    if (isReturned) return 'done'
    await held
    isReturned = true
    return { returnAfterMs: 60_000 }
  })
  cleanUp(() => consumer.close())
  const queue = deps.deliveries.queueOf('small')
  await waitFor(async () => (await queue.getActiveCount()) === 1)
  await cancelJob(deps, alice, id)
  const look = makeOrphanRound(deps)
  while (await look());
  expect(await delivered(deps)).toEqual([id])

  release()
  await waitFor(async () => (await queue.getDelayedCount()) === 1)
  while (await look());
  expect(await delivered(deps)).toEqual([])
})

test('with nothing in the queues it asks Postgres nothing', async () => {
  const { deps } = await openTestQueue()
  const findQueued = () => Promise.reject(new Error('asked'))
  const look = makeOrphanRound({ ...deps, jobs: { ...deps.jobs, findQueued } })
  while (await look());
  expect(await delivered(deps)).toEqual([])
})
