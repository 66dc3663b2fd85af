import { expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import { claimJob } from '../../../queue/use-cases/claim-job.ts'
import { submitMany } from '../../../queue/use-cases/submit-jobs.ts'
import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'
import {
  aJob,
  alice,
  aNode,
  dispatchJobs,
  openTestQueue,
  stateOf,
  statesOf,
  submit,
} from '../../support/test-queue.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { ownRedis } from '../../support/own-servers.ts'
import { waitFor } from '../../support/wait-for.ts'

const open = (): Promise<{ deps: QueueDeps }> => openTestQueue({}, { hasFastPath: true })

const delivered = (deps: QueueDeps): Promise<string[]> =>
  deps.deliveries
    .queueOf('small')
    .getJobs(['prioritized', 'waiting'])
    .then((entries) => entries.flatMap(({ data }) => data.jobs.map(({ id }) => id)))

test('a job that finds a free slot is queued with its acceptance, and delivered without a dispatcher', async () => {
  const { deps } = await open()
  const boot = await aNode(deps)
  const id = await submit(deps)
  expect(await statesOf(deps, id)).toEqual(['pending', 'queued'])
  await waitFor(async () => (await delivered(deps)).includes(id))
  expect(await claimJob(deps, boot, { id, seq: 1 })).toMatchObject({ id, attempt: 1 })
})

test('brief jobs that are accepted together share a delivery, those of others or of another priority have their own', async () => {
  const { deps } = await open()
  await aNode(deps)
  deps.taskProfiles.tell('small', new Map([['echo', 0.1]]))
  await waitFor(async () => (await deps.taskProfiles.read('small')).size > 0)
  await submit(deps) // the first only makes the gateway look how long the task takes
  const submissions = [5, 5, 5, 9].map((priority) => ({ spec: aJob({ priority }), idempotency: null }))
  const sizes = async (): Promise<number[]> => {
    const entries = await deps.deliveries.queueOf('small').getJobs(['prioritized', 'waiting'])
    return entries.map(({ data }) => data.jobs.length).sort()
  }
  await waitFor(async () => {
    await submitMany(deps, alice, submissions, { isAtomic: false })
    return (await sizes()).includes(3)
  })
  const boot = await aNode(deps)
  for (const id of await delivered(deps))
    expect(await claimJob(deps, boot, { id, seq: 1 })).toMatchObject({ id })
})

test('no more are queued than two a slot; then nobody overtakes those who wait', async () => {
  const { deps } = await open()
  await aNode(deps) // 10 slots
  const submissions = Array.from({ length: 25 }, () => ({ spec: aJob(), idempotency: null }))
  const answers = await submitMany(deps, alice, submissions, { isAtomic: false })
  const jobs = answers.flatMap((answer) => ('job' in answer ? answer.job : []))
  expect(jobs.filter(({ state }) => state === 'queued')).toHaveLength(20)
  const waiting = jobs.filter(({ state }) => state === 'pending')
  expect(waiting).toHaveLength(5)
  const boot = await aNode(deps)
  for (const { id } of jobs) await claimJob(deps, boot, { id, seq: 1 })
  const next = await submit(deps, { priority: 9 })
  expect(await stateOf(deps, next)).toBe('pending')
  await dispatchJobs(deps)
  for (const { id } of [...waiting, { id: next }]) expect(await stateOf(deps, id)).toBe('queued')
})

test('a job for later, and one of a tier without nodes, waits', async () => {
  const { deps } = await open()
  await aNode(deps)
  expect(await stateOf(deps, await submit(deps, { delayMs: 60_000 }))).toBe('pending')
  expect(await stateOf(deps, await submit(deps, { tier: 'heavy' }))).toBe('pending')
})

test('what can not be sent goes to the backlog at once', async () => {
  const redis = await ownRedis()
  const { deps } = await openTestQueue({}, { hasFastPath: true, redisUrl: redis.url })
  await aNode(deps)
  const client = new Redis(redis.url)
  cleanUp(() => client.disconnect())
  await client.config('SET', 'maxmemory', '1') // commands that need memory are refused, the connection stays
  const id = await submit(deps)
  await waitFor(async () => (await stateOf(deps, id)) === 'pending')
})
