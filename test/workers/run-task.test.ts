import { expect, test } from '@jest/globals'
import type { Json } from '../../queue/domain/job.ts'
import { QueueError } from '../../queue/domain/errors.ts'
import { echo, sleep } from '../../workers/executors/builtin.ts'
import { makeRuns } from '../../queue/intake/runs.ts'
import { runTask } from '../../workers/run-task.ts'
import type { ReadSecrets } from '../../workers/run-secrets.ts'
import type { Stop } from '../../queue/intake/stop.ts'
import { PermanentFailure, type Task } from '../../workers/task.ts'
import { aClaimedJob, noBlobs, noLog, noNotes } from './a-run.ts'

const boot = { id: '01900000-0000-7000-8000-0000000000bb', ended: new AbortController().signal }

function aTask(run: Task['run']): Task {
  return { offer: { ...echo.offer, name: 'custom' }, run }
}

/** Begins a run of the task and tells how it ended. */
function begin(
  task: Task,
  fields: Parameters<typeof aClaimedJob>[0] = {},
  { hasLapsed = false, readSecrets }: { hasLapsed?: boolean; readSecrets?: ReadSecrets } = {},
) {
  const run = makeRuns().begin(aClaimedJob({ task: task.offer.name, ...fields }), boot)
  const options = {
    tasks: new Map([[task.offer.name, task]]),
    resultBytes: 1024,
    blobs: noBlobs,
    killGraceMs: 50,
    hasLapsed: () => hasLapsed,
    readSecrets,
  }
  const ended = runTask(run, noLog, options, noNotes)
  return { ended, stop: (stop: Stop) => run.stopping.abort(stop) }
}

test('echo answers with its payload, and sleep tells how long it slept', async () => {
  expect(await begin(echo, { payload: { a: [1] } }).ended).toMatchObject({
    kind: 'succeeded',
    result: { a: [1] },
  })
  const { ended } = begin(sleep, { payload: { ms: 5 } })
  expect(await ended).toMatchObject({ kind: 'succeeded', result: { sleptMs: expect.any(Number) } })
})

test('a task that throws may be tried again, unless it throws PermanentFailure', async () => {
  const plain = begin(aTask(() => Promise.reject(new Error('the disk is full'))))
  expect(await plain.ended).toMatchObject({
    isFinal: false,
    error: { code: 'TASK_ERROR', message: 'the disk is full', attempt: 1 },
  })
  const final = begin(
    aTask(() => Promise.reject(new PermanentFailure('SPAWN_FAILED', 'There is no such file.'))),
  )
  expect(await final.ended).toMatchObject({ isFinal: true, error: { code: 'SPAWN_FAILED' } })
})

test('messages are cut, and hold nothing that Postgres refuses', async () => {
  const { ended } = begin(aTask(() => Promise.reject(new Error(`a\0b\ud800${'x'.repeat(10_000)}`))))
  const end = await ended
  if (end.kind !== 'failed') throw new Error(end.kind)
  expect(end.error.message).toMatch(/^a\uFFFDb\uFFFDx+$/)
  expect(end.error.message).toHaveLength(4000)
})

test('a result that is too large, or is no JSON, fails for good', async () => {
  const large = begin(aTask(() => Promise.resolve('x'.repeat(1023))))
  expect(await large.ended).toMatchObject({ isFinal: true, error: { code: 'RESULT_TOO_LARGE' } })
  for (const result of [undefined, 1n, () => 1]) {
    const { ended } = begin(aTask(() => Promise.resolve(result as unknown as Json)))
    expect(await ended).toMatchObject({ isFinal: true, error: { code: 'RESULT_INVALID' } })
  }
})

test('a task that runs longer than its time is stopped and fails as TIMEOUT, whatever it says then', async () => {
  expect(await begin(sleep, { payload: { ms: 60_000 }, timeoutMs: 20 }).ended).toMatchObject({
    isFinal: false,
    error: { code: 'TIMEOUT' },
  })
  const stubborn = aTask(
    ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve('I made it!'))),
  )
  expect(await begin(stubborn, { timeoutMs: 20 }).ended).toMatchObject({ error: { code: 'TIMEOUT' } })
})

test('a cancelled run ends as cancelled, one that must go is told from one that failed', async () => {
  const runs = (['cancelled', 'stopping', 'lease lost'] as const).map((reason) => {
    const { ended, stop } = begin(sleep, { payload: { ms: 60_000 } })
    stop({ reason, killGraceMs: 0 })
    return ended
  })
  expect(await Promise.all(runs)).toMatchObject([
    { kind: 'failed', isFinal: true, error: { code: 'CANCELLED' } },
    { kind: 'stopped', reason: 'stopping' },
    { kind: 'stopped', reason: 'lease lost' },
  ])
})

test('a task that this node does not have may be tried again elsewhere', async () => {
  const run = makeRuns().begin(aClaimedJob({ task: 'render' }), boot)
  const options = {
    tasks: new Map(),
    resultBytes: 1024,
    blobs: noBlobs,
    killGraceMs: 50,
    hasLapsed: () => false,
  }
  const end = await runTask(run, noLog, options, noNotes)
  expect(end).toMatchObject({ isFinal: false, error: { code: 'TASK_UNKNOWN' } })
})

test('a failure that is seen only after the lease ran out is none: the processes may have been killed for it', async () => {
  const killed = aTask(() => Promise.reject(new Error('ended by SIGKILL')))
  expect(await begin(killed, {}, { hasLapsed: true }).ended).toMatchObject({
    kind: 'stopped',
    reason: 'lease lost',
  })
})

const keyed: Task = {
  offer: { ...echo.offer, name: 'keyed', secrets: ['token'] },
  run: ({ secrets }) => Promise.resolve((secrets['token'] ?? '').length),
}

test.each([
  ['has no key', undefined, false, 'set SECRETS_KEY'],
  ['has another key', 'no key', false, 'SECRETS_PREVIOUS_KEYS'],
  ['finds none', 'not set', true, 'noodle secrets set token'],
  ['finds a damaged one', 'damaged', true, 'set it anew'],
] as const)(
  'a run whose node %s for its secret has failed, and says what to do',
  async (_, why, isFinal, remedy) => {
    const readSecrets: ReadSecrets = () => Promise.resolve({ missing: 'token', why: why ?? 'not set' })
    expect(await begin(keyed, {}, why === undefined ? {} : { readSecrets }).ended).toMatchObject({
      isFinal,
      error: {
        code: 'SECRET_UNAVAILABLE',
        message: expect.stringMatching(new RegExp(`The task keyed uses the secret token.*${remedy}`)),
      },
    })
  },
)

test('while Postgres is away a run waits for its secrets, until it is stopped', async () => {
  const away = new QueueError('POSTGRES_UNAVAILABLE', 'Postgres is away.')
  let asked = 0
  const back = begin(
    keyed,
    {},
    {
      readSecrets: () =>
        asked++ === 0 ? Promise.reject(away) : Promise.resolve({ values: { token: 'a long value' } }),
    },
  )
  expect(await back.ended).toMatchObject({ kind: 'succeeded', result: 12 })
  const { ended, stop } = begin(keyed, {}, { readSecrets: () => Promise.reject(away) })
  stop({ reason: 'stopping', killGraceMs: 0 })
  expect(await ended).toMatchObject({ kind: 'stopped', reason: 'stopping' })
})
