import { expect, test } from '@jest/globals'
import type { RunEnd } from '../../../queue/use-cases/finish-job.ts'
import { cancelJob } from '../../../queue/use-cases/cancel-job.ts'
import { claimJob } from '../../../queue/use-cases/claim-job.ts'
import { expireJobs } from '../../../queue/use-cases/expire-jobs.ts'
import { finishJob, handBackJob } from '../../../queue/use-cases/finish-job.ts'
import {
  dispatchJobs,
  aNode,
  aRunningJob,
  alice,
  openTestQueue,
  stateOf,
  statesOf,
  submit,
} from '../../support/test-queue.ts'

const success: RunEnd = { kind: 'succeeded', result: { answer: 42 }, usage: { wallMs: 5 } }
const failure = (isFinal = false): RunEnd => ({
  kind: 'failed',
  error: { code: 'TASK_ERROR', message: 'no', attempt: 1 },
  isFinal,
  usage: { wallMs: 5 },
})

test('of many nodes that claim one job at once, one gets it', async () => {
  const { deps } = await openTestQueue()
  const id = await submit(deps)
  await dispatchJobs(deps)
  const boots = await Promise.all(Array.from({ length: 8 }, () => aNode(deps)))
  const claims = await Promise.all(
    boots.flatMap((bootId) => [1, 2].map(() => claimJob(deps, bootId, { id, seq: 1 }))),
  )
  expect(claims.filter(Boolean)).toHaveLength(1)
  expect(await deps.jobs.find(id, null)).toMatchObject({ state: 'running', attempt: 1 })
})

test('a delivery of a job that waits, runs, ended or does not exist is refused', async () => {
  const { deps } = await openTestQueue()
  const bootId = await aNode(deps)
  const pending = await submit(deps, { delayMs: 60_000 })
  const cancelled = await submit(deps)
  await dispatchJobs(deps)
  await cancelJob(deps, alice, cancelled)
  const running = await aRunningJob(deps, bootId)
  for (const id of [pending, cancelled, running.id, deps.newId()])
    expect(await claimJob(deps, bootId, { id, seq: 1 })).toBeNull()
})

test('what a round of ends tells comes out as it was told, text that Postgres can not hold as text too', async () => {
  const { deps } = await openTestQueue()
  const bootId = await aNode(deps)
  const results = [null, 'a "quoted" \\ text', 'NUL \0 and half \ud800', { nested: [1.5, true, {}] }]
  const jobs = await Promise.all(results.map(() => aRunningJob(deps, bootId)))
  const end = (result: (typeof results)[number]): RunEnd => ({
    ...{ kind: 'succeeded', result, usage: { wallMs: 5, cpuMs: 0.5 } },
  })
  expect(
    await Promise.all([
      ...results.map((result, i) => jobs[i] && finishJob(deps, bootId, jobs[i], end(result))),
      aRunningJob(deps, bootId).then((job) => finishJob(deps, bootId, job, failure())),
    ]),
  ).toEqual([...results.map(() => 'succeeded'), 'pending'])
  for (const [i, result] of results.entries())
    expect(await deps.jobs.find(jobs[i]?.id ?? '', null)).toMatchObject({
      ...{ state: 'succeeded', result, error: null, usage: { wallMs: 5, cpuMs: 0.5 } },
    })
})

test('a boot that was given up, or was never there, claims nothing', async () => {
  const { deps } = await openTestQueue()
  const id = await submit(deps)
  await dispatchJobs(deps)
  const bootId = await aNode(deps)
  await deps.nodes.sayGoodbye(bootId)
  expect(await claimJob(deps, bootId, { id, seq: 1 })).toBeNull()
  expect(await claimJob(deps, deps.newId(), { id, seq: 1 })).toBeNull()
  expect(await stateOf(deps, id)).toBe('queued')
})

test('the holder ends its job once, and its result becomes visible with that', async () => {
  const { deps } = await openTestQueue()
  const bootId = await aNode(deps)
  const job = await aRunningJob(deps, bootId)
  expect(await finishJob(deps, bootId, job, success)).toBe('succeeded')
  expect(await finishJob(deps, bootId, job, success)).toBeNull()
  expect(await finishJob(deps, bootId, job, failure())).toBeNull()
  expect(await deps.jobs.find(job.id, null)).toMatchObject({
    state: 'succeeded',
    result: { answer: 42 },
    usage: { wallMs: 5 },
    error: null,
  })
  expect(await statesOf(deps, job.id)).toEqual(['pending', 'queued', 'running', 'succeeded'])
})

test('who holds an older fence, or another boot, is not believed', async () => {
  const { deps } = await openTestQueue()
  const [first, second] = [await aNode(deps), await aNode(deps)]
  const stale = await aRunningJob(deps, first)
  await handBackJob(deps, first, stale, 'test')
  await dispatchJobs(deps)
  const current = await claimJob(deps, second, { id: stale.id, seq: 2 })
  expect(current?.fence).toBeGreaterThan(stale.fence)
  expect(await finishJob(deps, first, stale, success)).toBeNull()
  expect(await finishJob(deps, second, stale, success)).toBeNull()
  expect(current && (await finishJob(deps, first, current, success))).toBeNull()
  expect(await stateOf(deps, stale.id)).toBe('running')
})

test('a failed job is tried again until its attempts are spent, and keeps the last error', async () => {
  const { deps } = await openTestQueue()
  const bootId = await aNode(deps)
  const id = await submit(deps, { retry: { maxAttempts: 2, backoffMs: 0, strategy: 'fixed' } })
  const states = []
  for (const seq of [1, 2]) {
    await dispatchJobs(deps)
    const job = await claimJob(deps, bootId, { id, seq })
    states.push(job && (await finishJob(deps, bootId, job, failure())))
  }
  expect(states).toEqual(['pending', 'failed'])
  expect(await deps.jobs.find(id, null)).toMatchObject({
    state: 'failed',
    attempt: 2,
    failures: 2,
    error: { code: 'TASK_ERROR' },
  })
})

test('a final error fails the job at once', async () => {
  const { deps } = await openTestQueue()
  const bootId = await aNode(deps)
  expect(await finishJob(deps, bootId, await aRunningJob(deps, bootId), failure(true))).toBe('failed')
})

test('a hand-back costs no attempt, and fails the job only after too many', async () => {
  const { deps } = await openTestQueue({ handBackLimit: 2 })
  const bootId = await aNode(deps)
  const id = await submit(deps, { retry: { maxAttempts: 1, backoffMs: 0, strategy: 'fixed' } })
  const states = []
  for (const seq of [1, 2]) {
    await dispatchJobs(deps)
    const job = await claimJob(deps, bootId, { id, seq })
    states.push(job && (await handBackJob(deps, bootId, job, 'test')))
  }
  expect(states).toEqual(['pending', 'failed'])
  expect(await deps.jobs.find(id, null)).toMatchObject({
    failures: 0,
    handBacks: 2,
    error: { code: 'HANDED_BACK_TOO_OFTEN' },
  })
})

test('a cancel before the start is final, and its delivery finds nothing', async () => {
  const { deps } = await openTestQueue()
  const bootId = await aNode(deps)
  const id = await submit(deps)
  await dispatchJobs(deps)
  expect((await cancelJob(deps, alice, id)).state).toBe('cancelled')
  expect((await cancelJob(deps, alice, id)).state).toBe('cancelled')
  expect(await claimJob(deps, bootId, { id, seq: 1 })).toBeNull()
  expect(await statesOf(deps, id)).toEqual(['pending', 'queued', 'cancelled'])
})

test('a running job with the cancel flag is told at the renewal, and ends cancelled however its holder gives it up', async () => {
  const { deps } = await openTestQueue()
  const bootId = await aNode(deps)
  const [failing, handed, finishing] = [
    await aRunningJob(deps, bootId),
    await aRunningJob(deps, bootId),
    await aRunningJob(deps, bootId),
  ]
  for (const job of [failing, handed, finishing])
    expect((await cancelJob(deps, alice, job.id)).state).toBe('running')
  const renewal = await deps.nodes.renew(bootId, 60_000)
  expect(renewal?.held.map((held) => held.isCancelRequested)).toEqual([true, true, true])
  expect(await finishJob(deps, bootId, failing, failure())).toBe('cancelled')
  expect(await handBackJob(deps, bootId, handed, 'test')).toBe('cancelled')
  expect(await finishJob(deps, bootId, finishing, success)).toBe('succeeded')
  await expect(cancelJob(deps, alice, finishing.id)).rejects.toMatchObject({ code: 'JOB_ALREADY_FINISHED' })
})

test('a job that has not started by expiresAt expires, in the window too, and is not claimed after that time', async () => {
  const { deps } = await openTestQueue()
  const bootId = await aNode(deps)
  const soon = new Date(Date.now() + 150)
  const [queued, pending] = [
    await submit(deps, { expiresAt: soon }),
    await submit(deps, { expiresAt: soon, delayMs: 60_000 }),
  ]
  await dispatchJobs(deps)
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(await claimJob(deps, bootId, { id: queued, seq: 1 })).toBeNull()
  await expireJobs(deps)
  expect(await Promise.all([queued, pending].map((id) => stateOf(deps, id)))).toEqual(['expired', 'expired'])
})

test('a result that Postgres refuses fails alone; the others of its round are stored', async () => {
  const { deps } = await openTestQueue()
  const bootId = await aNode(deps)
  const jobs = [
    await aRunningJob(deps, bootId),
    await aRunningJob(deps, bootId),
    await aRunningJob(deps, bootId),
  ]
  const outcomes = await Promise.allSettled(
    jobs.map((job, i) =>
      finishJob(
        deps,
        bootId,
        job,
        i === 1 ? { ...success, usage: { wallMs: '\0' as unknown as number } } : success,
      ),
    ),
  )
  expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(await Promise.all(jobs.map((job) => stateOf(deps, job.id)))).toEqual([
    'succeeded',
    'running',
    'succeeded',
  ])
})
