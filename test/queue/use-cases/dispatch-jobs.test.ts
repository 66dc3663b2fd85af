import { expect, test } from '@jest/globals'
import pg from 'pg'
import { makeDispatchRounds } from '../../../queue/use-cases/dispatch-jobs.ts'
import { makeFleetView } from '../../../queue/use-cases/fleet.ts'
import { reconcileDeliveries, redeliverUnsent } from '../../../queue/use-cases/reconcile-deliveries.ts'
import { dispatchJobs, openTestQueue, stateOf, statesOf, submit } from '../../support/test-queue.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { waitFor } from '../../support/wait-for.ts'

test('a ready job enters the window of its tier, and its delivery holds its id and nothing of its payload', async () => {
  const { deps } = await openTestQueue()
  const id = await submit(deps, { payload: { secret: 'in Postgres only' } })
  await dispatchJobs(deps)
  expect(await statesOf(deps, id)).toEqual(['pending', 'queued'])
  const [delivery] = await deps.deliveries.queueOf('small').getJobs(['prioritized', 'waiting'])
  expect(delivery?.data).toEqual({ v: 1, task: 'echo', jobs: [{ id, seq: 1 }], tenant: 'wonderland' })
  expect(await deps.deliveries.queueOf('medium').getJobs(['prioritized', 'waiting'])).toEqual([])
})

test('the window is filled by priority, then age, and never past its size', async () => {
  const { deps } = await openTestQueue({ dispatchWindow: 3 })
  const ids = [
    await submit(deps),
    await submit(deps),
    await submit(deps, { priority: 9 }),
    await submit(deps, { priority: 1 }),
    await submit(deps),
  ]
  await dispatchJobs(deps)
  await dispatchJobs(deps)
  expect(await Promise.all(ids.map((id) => stateOf(deps, id)))).toEqual([
    'queued',
    'queued',
    'queued',
    'pending',
    'pending',
  ])
})

test('a window that was found full is taken for full for a moment, and its neighbours for what they are', async () => {
  const { deps } = await openTestQueue({ dispatchWindow: 2 })
  const rounds = makeDispatchRounds(deps, makeFleetView(deps), Infinity)
  expect(rounds.hasRoom(['small'])).toBe(true)
  await submit(deps)
  await rounds.run()
  expect(rounds.hasRoom(['small'])).toBe(true)
  await submit(deps)
  await submit(deps)
  await rounds.run()
  expect(rounds.hasRoom(['small'])).toBe(false)
  expect(rounds.hasRoom(['small', 'medium'])).toBe(true)

  const forgetful = makeDispatchRounds(deps, makeFleetView(deps), -1)
  await forgetful.run()
  expect(forgetful.hasRoom(['small'])).toBe(true)
})

test('a job for later stays pending until it is due, and the dispatcher knows when that is', async () => {
  const { deps } = await openTestQueue()
  const id = await submit(deps, { delayMs: 300 })
  const waitMs = await dispatchJobs(deps)
  expect(waitMs).toBeGreaterThan(0)
  expect(waitMs).toBeLessThanOrEqual(300)
  expect(await stateOf(deps, id)).toBe('pending')
  await waitFor(async () => {
    await dispatchJobs(deps)
    return (await stateOf(deps, id)) === 'queued'
  })
})

test('a job whose delivery was lost is delivered again under a new number; one that still waits is left alone', async () => {
  const { deps } = await openTestQueue()
  const [lost, kept] = [await submit(deps, { priority: 9 }), await submit(deps)]
  await dispatchJobs(deps)
  const queue = deps.deliveries.queueOf('small')
  const deliveries = await queue.getJobs(['prioritized'])
  await deliveries.find((one) => one.data.jobs[0]?.id === lost)?.remove()
  expect(await reconcileDeliveries(deps, 0)).toBe(1)
  const data = (await queue.getJobs(['prioritized'])).map((one) => one.data.jobs[0])
  expect(data).toHaveLength(2)
  expect(data).toEqual(
    expect.arrayContaining([
      { id: lost, seq: 2 },
      { id: kept, seq: 1 },
    ]),
  )
  expect(await statesOf(deps, lost)).toEqual(['pending', 'queued'])
})

test('a job that was queued and never delivered, for its gateway died between the two, is delivered by a look at the young ones', async () => {
  const { deps, databaseUrl } = await openTestQueue()
  const [unsent, sent] = [await submit(deps, { priority: 9 }), await submit(deps)]
  await dispatchJobs(deps)
  const queue = deps.deliveries.queueOf('small')
  await (await queue.getJobs(['prioritized'])).find(({ data }) => data.jobs[0]?.id === unsent)?.remove()
  expect(await redeliverUnsent(deps)).toBe(0) // it may be on its way
  const client = new pg.Client(databaseUrl)
  await client.connect()
  cleanUp(() => client.end())
  await client.query("UPDATE jobs SET dispatched_at = dispatched_at - interval '2 seconds'")
  expect(await redeliverUnsent(deps)).toBe(1)
  const delivered = (await queue.getJobs(['prioritized'])).map(({ data }) => data.jobs[0])
  expect(delivered).toHaveLength(2)
  expect(delivered).toEqual(
    expect.arrayContaining([
      { id: unsent, seq: 2 },
      { id: sent, seq: 1 },
    ]),
  )
})
