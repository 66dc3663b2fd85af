import { expect, test } from '@jest/globals'
import { claimJob } from '../../queue/use-cases/claim-job.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { ownRedis } from '../support/own-servers.ts'
import { aNode, dispatchJobs, openTestQueue, stateOf, statesOf, submit } from '../support/test-queue.ts'
import { waitFor } from '../support/wait-for.ts'
import { startInnerWorker } from './an-inner-worker.ts'

const take = (deps: QueueDeps, bootId: string, limit = 10) =>
  deps.jobs.take({
    ...{ bootId, tiers: ['small'], tasks: ['echo'], suspectFrom: 2 },
    free: { slots: limit, cpus: 4, memoryMb: 1024, gpus: 1 },
    share: { cpus: 0.4, memoryMb: 100 },
  })

const untilSucceeded = (deps: QueueDeps, ids: readonly string[]): Promise<unknown> =>
  waitFor(
    async () =>
      (await Promise.all(ids.map((id) => stateOf(deps, id)))).every((state) => state === 'succeeded'),
    { timeoutMs: 20_000 },
  )

test('while Redis is away jobs run from Postgres, and deliveries take over when it is back', async () => {
  const redis = await ownRedis()
  const { deps } = await openTestQueue({}, { redisUrl: redis.url })
  await startInnerWorker(deps)
  const before = await submit(deps)
  await dispatchJobs(deps)
  await untilSucceeded(deps, [before])

  await redis.stop()
  const meanwhile = [await submit(deps), await submit(deps), await submit(deps), await submit(deps)]
  await untilSucceeded(deps, meanwhile)
  for (const id of meanwhile)
    expect(await statesOf(deps, id)).toEqual(['pending', 'queued', 'running', 'succeeded'])

  await redis.start()
  await waitFor(() => deps.deliveries.ping())
  const after = await submit(deps)
  await waitFor(async () => {
    await dispatchJobs(deps)
    return (await stateOf(deps, after)) !== 'pending'
  })
  await untilSucceeded(deps, [after])
})

test('a job that was dispatched before Redis went is taken too, and its delivery is refused afterwards', async () => {
  const { deps } = await openTestQueue()
  const [taker, late] = [await aNode(deps), await aNode(deps)]
  const id = await submit(deps)
  await dispatchJobs(deps)
  expect(await take(deps, taker)).toMatchObject([{ id, attempt: 1, fence: 1 }])
  expect(await claimJob(deps, late, { id, seq: 1 })).toBeNull()
  expect(await statesOf(deps, id)).toEqual(['pending', 'queued', 'running'])
})

test('jobs are taken by priority, none twice, and only those that are due and offered, by a node that is live', async () => {
  const { deps } = await openTestQueue()
  const [one, other] = [await aNode(deps), await aNode(deps)]
  const urgent = await submit(deps, { priority: 9 })
  const usual = [await submit(deps), await submit(deps), await submit(deps)]
  await submit(deps, { delayMs: 60_000 })
  await submit(deps, { task: 'sleep' })
  await submit(deps, { tier: 'heavy' })
  expect((await take(deps, one, 1)).map(({ id }) => id)).toEqual([urgent])
  const taken = await Promise.all([take(deps, one), take(deps, other)])
  expect(
    taken
      .flat()
      .map(({ id }) => id)
      .sort(),
  ).toEqual(usual.sort())

  await submit(deps)
  expect(await take(deps, deps.newId())).toEqual([])
  await deps.nodes.sayGoodbye(one)
  expect(await take(deps, one)).toEqual([])
})
