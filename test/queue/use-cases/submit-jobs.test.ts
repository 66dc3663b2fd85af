import { expect, test } from '@jest/globals'
import { QueueError } from '../../../queue/domain/errors.ts'
import { submitJob, submitMany } from '../../../queue/use-cases/submit-jobs.ts'
import { aJob, alice, bob, openTestQueue, statesOf } from '../../support/test-queue.ts'

const keyed = (key: string, body = 'body') => ({ spec: aJob(), idempotency: { key, body } })

test('a submitted job stands in Postgres as it was given, with its acceptance as first event', async () => {
  const { deps } = await openTestQueue()
  const spec = aJob({
    payload: { text: 'naïve "quoted" \\ 🍜', list: [1, null, true] },
    labels: { team: 'a"b,c{}' },
    priority: 9,
    timeoutMs: 1234,
  })
  const { job, isNew } = await submitJob(deps, alice, { spec, idempotency: null })
  expect(isNew).toBe(true)
  expect(await deps.jobs.find(job.id, alice.tenant)).toMatchObject({
    ...spec,
    runAt: job.dueAt,
    state: 'pending',
    attempt: 0,
    userId: alice.userId,
  })
  expect(await statesOf(deps, job.id)).toEqual(['pending'])
})

test('the same key and body give the first job again; another body is refused; another user has keys of their own', async () => {
  const { deps } = await openTestQueue()
  const first = await submitJob(deps, alice, keyed('k'))
  expect(await submitJob(deps, alice, keyed('k'))).toMatchObject({ isNew: false, job: { id: first.job.id } })
  await expect(submitJob(deps, alice, keyed('k', 'other'))).rejects.toMatchObject({
    code: 'IDEMPOTENCY_KEY_REUSED',
  })
  expect((await submitJob(deps, bob, keyed('k'))).isNew).toBe(true)
})

test('of many submissions with one key at once, exactly one makes a job', async () => {
  const { deps } = await openTestQueue()
  const all = await Promise.all(Array.from({ length: 50 }, () => submitJob(deps, alice, keyed('race'))))
  expect(all.filter(({ isNew }) => isNew)).toHaveLength(1)
  expect(new Set(all.map(({ job }) => job.id)).size).toBe(1)
  expect(await deps.jobs.list({}, { limit: 10 })).toHaveLength(1)
})

test('an atomic batch with a key that came with another body stores nothing', async () => {
  const { deps } = await openTestQueue()
  await submitJob(deps, alice, keyed('k'))
  await expect(
    submitMany(deps, alice, [keyed('new'), keyed('k', 'other')], { isAtomic: true }),
  ).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' })
  expect(await deps.jobs.list({}, { limit: 10 })).toHaveLength(1)
})

test('in a batch that is not atomic each job gets its own answer', async () => {
  const { deps } = await openTestQueue()
  await submitJob(deps, alice, keyed('k'))
  const answers = await submitMany(deps, alice, [keyed('new'), keyed('k', 'other'), keyed('k')], {
    isAtomic: false,
  })
  expect(answers.map((answer) => (answer instanceof QueueError ? answer.code : answer.isNew))).toEqual([
    true,
    'IDEMPOTENCY_KEY_REUSED',
    false,
  ])
})
