import { expect, test } from '@jest/globals'
import { QueueError } from '../../queue/domain/errors.ts'
import { cancelJob } from '../../queue/use-cases/cancel-job.ts'
import { claimJob } from '../../queue/use-cases/claim-job.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { connected } from '../support/template-database.ts'
import {
  alice,
  aNode,
  dispatchJobs,
  openTestQueue,
  stateOf,
  statesOf,
  submit,
} from '../support/test-queue.ts'
import { waitFor } from '../support/wait-for.ts'
import { startInnerWorker } from './an-inner-worker.ts'
import { dispatchUntil } from './real-worker.ts'

const unavailable = () => new QueueError('POSTGRES_UNAVAILABLE', 'The connection broke.')

/** One more crash of its node and it fails. */
const makeSuspect = (databaseUrl: string, id: string) =>
  connected(databaseUrl, (client) => client.query('UPDATE jobs SET crashes = 2 WHERE id = $1', [id]))

const untilState = (deps: QueueDeps, id: string, state: string) =>
  dispatchUntil(deps, async () => (await stateOf(deps, id)) === state, `job ${id} to be ${state}`)

test('a claim that Postgres could not hear is tried again', async () => {
  const { deps } = await openTestQueue()
  let refusals = 2
  const claimBatch: QueueDeps['claimBatch'] = {
    ...deps.claimBatch,
    add: (item) => (refusals-- > 0 ? Promise.reject(unavailable()) : deps.claimBatch.add(item)),
  }
  await startInnerWorker({ ...deps, claimBatch })
  const id = await submit(deps)
  await untilState(deps, id, 'succeeded')
  expect(await deps.jobs.find(id, null)).toMatchObject({ attempt: 1, handBacks: 0 })
})

test('a job whose claim was made but not confirmed is handed back at once and runs', async () => {
  const { deps } = await openTestQueue()
  let losses = 1
  const claimBatch: QueueDeps['claimBatch'] = {
    ...deps.claimBatch,
    async add(item) {
      const job = await deps.claimBatch.add(item)
      if (losses-- > 0) throw unavailable()
      return job
    },
  }
  await startInnerWorker({ ...deps, claimBatch })
  const id = await submit(deps)
  await untilState(deps, id, 'succeeded')
  expect(await deps.jobs.find(id, null)).toMatchObject({ attempt: 2, handBacks: 1, failures: 0 })
})

test('an end that could not be stored is kept and tried again, also when it was stored unconfirmed', async () => {
  const { deps } = await openTestQueue()
  let tries = 0
  const finishBatch: QueueDeps['finishBatch'] = {
    ...deps.finishBatch,
    async add(item) {
      if (++tries === 1) throw unavailable()
      const state = await deps.finishBatch.add(item)
      if (tries === 2) throw unavailable()
      return state
    },
  }
  const worker = await startInnerWorker({ ...deps, finishBatch })
  const id = await submit(deps, { payload: 'once' })
  await untilState(deps, id, 'succeeded')
  await worker.runs.untilNone()
  expect(await statesOf(deps, id)).toEqual(['pending', 'queued', 'running', 'succeeded'])
  expect(await deps.jobs.find(id, null)).toMatchObject({ result: 'once', attempt: 1 })
  expect(tries).toBe(3)
})

test('a delivery that a full node has in hand goes to one that is free', async () => {
  const { deps } = await openTestQueue()
  const full = await startInnerWorker(deps, { tiers: ['small', 'medium'], concurrency: 1 })
  const long = await submit(deps, { task: 'sleep', payload: { ms: 60_000 } })
  await untilState(deps, long, 'running')
  const waiting = await submit(deps, { tier: 'medium' })
  await dispatchUntil(
    deps,
    async () => (await deps.deliveries.queueOf('medium').getActiveCount()) === 1,
    'the full node to take it',
  )
  const free = await startInnerWorker(deps, { tiers: ['medium'], concurrency: 1 })
  await untilState(deps, waiting, 'succeeded')
  expect(await deps.jobs.find(waiting, null)).toMatchObject({ nodeId: free.id, attempt: 1 })
  expect(await deps.jobs.find(long, null)).toMatchObject({ nodeId: full.id, state: 'running' })
})

test('a delivery that a stopping node has in hand is returned, not forgotten', async () => {
  const { deps } = await openTestQueue()
  const leaving = await startInnerWorker(deps, { tiers: ['small', 'medium'], concurrency: 1 })
  await untilState(deps, await submit(deps, { task: 'sleep', payload: { ms: 60_000 } }), 'running')
  const waiting = await submit(deps, { tier: 'medium' })
  await dispatchUntil(
    deps,
    async () => (await deps.deliveries.queueOf('medium').getActiveCount()) === 1,
    'the leaving node to take it',
  )
  await leaving.loop.stop()
  expect(await deps.deliveries.queueOf('medium').getJobCounts('active', 'completed', 'delayed')).toEqual({
    active: 0,
    completed: 0,
    delayed: 1,
  })
  await startInnerWorker(deps, { tiers: ['medium'] })
  await untilState(deps, waiting, 'succeeded')
})

test('a job that would fail with one more crash runs alone, and nothing begins beside it', async () => {
  const { deps, databaseUrl } = await openTestQueue()
  const neighbour = await submit(deps, { task: 'sleep', payload: { ms: 300 } })
  await startInnerWorker(deps, { concurrency: 3 })
  await untilState(deps, neighbour, 'running')
  const suspect = await submit(deps, { task: 'sleep', payload: { ms: 200 }, delayMs: 100 })
  await makeSuspect(databaseUrl, suspect)
  await untilState(deps, suspect, 'running')
  expect(await stateOf(deps, neighbour)).toBe('succeeded')
  const late = await submit(deps)
  await untilState(deps, late, 'succeeded')
  const [ended, begun] = [await deps.jobs.find(suspect, null), await deps.jobs.find(late, null)]
  expect(begun?.startedAt?.getTime()).toBeGreaterThanOrEqual(ended?.finishedAt?.getTime() ?? Infinity)
})

test('a delivery from before its last crash does not start a suspect beside others', async () => {
  const { deps, databaseUrl } = await openTestQueue()
  const suspect = await submit(deps)
  await dispatchJobs(deps)
  await makeSuspect(databaseUrl, suspect)
  expect(await claimJob(deps, await aNode(deps), { id: suspect, seq: 1 })).toBeNull()
  expect(await claimJob(deps, await aNode(deps), { id: suspect, seq: 1 }, true)).toMatchObject({
    id: suspect,
  })
})

test('a draining node says that it is drained once its last job has ended, and not before', async () => {
  const { deps } = await openTestQueue()
  const node = await startInnerWorker(deps)
  const job = await submit(deps, { task: 'sleep', payload: { ms: 60_000 } })
  await untilState(deps, job, 'running')
  const seen = async () => (await node.looked(), deps.nodes.findLive(node.id))

  await deps.nodes.drain(node.id)
  expect(await seen()).toMatchObject({ state: 'draining', running: 1, drainedAt: null })
  await cancelJob(deps, alice, job)
  await untilState(deps, job, 'cancelled')
  await waitFor(async () => ((await seen())?.drainedAt ?? null) !== null)
  expect(await deps.nodes.findLive(node.id)).toMatchObject({ running: 0 })
})
