import { expect, test } from '@jest/globals'
import { status } from '@grpc/grpc-js'
import type { Job__Output } from '../../../proto/generated/noodle/v1/Job.ts'
import type { ListResponse__Output } from '../../../proto/generated/noodle/v1/ListResponse.ts'
import type { ListTiersResponse__Output } from '../../../proto/generated/noodle/v1/ListTiersResponse.ts'
import type { SubmitRequest } from '../../../proto/generated/noodle/v1/SubmitRequest.ts'
import type { SubmitResponse__Output } from '../../../proto/generated/noodle/v1/SubmitResponse.ts'
import type { SubmitStreamResponse__Output } from '../../../proto/generated/noodle/v1/SubmitStreamResponse.ts'
import type { WatchResponse__Output } from '../../../proto/generated/noodle/v1/WatchResponse.ts'
import {
  answerOf,
  detailsOf,
  metadata,
  openTestGrpcGateway,
  refusalOf,
  type TestGrpcGateway,
} from '../../support/grpc.ts'
import { aNode, dispatchJobs } from '../../support/test-queue.ts'
import { claimJob } from '../../../queue/use-cases/claim-job.ts'

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

const submit = (
  gateway: TestGrpcGateway,
  token: string,
  request: SubmitRequest,
  more?: Record<string, string>,
): Promise<SubmitResponse__Output> =>
  answerOf((done) => gateway.jobs.submit(request, metadata(token, more), done))

test('a job that is submitted with all its fields is the job that HTTP shows', async () => {
  const gateway = await openTestGrpcGateway()
  const token = await gateway.tokenOf('user')
  const runAt = new Date(Date.now() + 60_000)
  const submitted = await submit(gateway, token, {
    job: {
      task: 'echo',
      payloadJson: json({ text: 'ä', list: [1, null, { deep: true }] }),
      requirement: 'REQUIREMENT_MEDIUM',
      priority: 0,
      runAt: { seconds: Math.floor(runAt.getTime() / 1000), nanos: 0 },
      timeoutMs: 4_000_000_00,
      expiresAt: { seconds: Math.floor(runAt.getTime() / 1000) + 60, nanos: 500_000_000 },
      retry: { maxAttempts: 5, backoffMs: 10, strategy: 'RETRY_STRATEGY_FIXED', escalateTier: true },
      labels: { env: 'test' },
    },
  })
  expect(submitted).toMatchObject({ state: 'JOB_STATE_PENDING', tier: 'medium', isNew: true, job: null })
  expect(submitted.warnings).toHaveLength(1) // there is no node
  const { body } = await gateway.call('GET', `/v1/jobs/${submitted.id}`, { token })
  expect(body).toMatchObject({
    payload: { text: 'ä', list: [1, null, { deep: true }] },
    tier: 'medium',
    resources: { gpu: 1 },
    priority: 0,
    timeoutMs: 400_000_000,
    retry: { maxAttempts: 5, backoffMs: 10, strategy: 'fixed', escalateTier: true },
    labels: { env: 'test' },
  })
  expect(Math.floor(Date.parse(body.timestamps.dueAt) / 1000)).toBe(Math.floor(runAt.getTime() / 1000))
  expect(body.timestamps.expiresAt).toMatch(/\.500Z$/)

  const job = await answerOf<Job__Output>((done) =>
    gateway.jobs.get({ id: submitted.id }, metadata(token), done),
  )
  expect(job).toMatchObject({
    state: 'JOB_STATE_PENDING',
    timeoutMs: '400000000',
    retry: { strategy: 'RETRY_STRATEGY_FIXED' },
    labels: { env: 'test' },
    startedAt: null,
    resultJson: Buffer.alloc(0),
  })
  expect(JSON.parse(String(job.payloadJson))).toEqual(body.payload)
})

test('a payload may be a value of protobuf', async () => {
  const gateway = await openTestGrpcGateway()
  const token = await gateway.tokenOf('user')
  const payload = {
    structValue: {
      fields: {
        text: { stringValue: 'x' },
        list: {
          listValue: { values: [{ numberValue: 1.5 }, { boolValue: false }, { nullValue: 0 as const }] },
        },
      },
    },
  }
  const { id } = await submit(gateway, token, { job: { task: 'echo', payload } })
  expect((await gateway.call('GET', `/v1/jobs/${id}`, { token })).body.payload).toEqual({
    text: 'x',
    list: [1.5, false, null],
  })
  const { id: other } = await submit(gateway, token, { job: { task: 'echo' } })
  expect((await gateway.call('GET', `/v1/jobs/${other}`, { token })).body.payload).toBeNull()
})

test('an idempotency key means the same job by both doors', async () => {
  const gateway = await openTestGrpcGateway()
  const token = await gateway.tokenOf('user')
  const job = { task: 'echo', payloadJson: json({ a: 1 }) }
  const { body } = await gateway.call('POST', '/v1/jobs', {
    token,
    body: { task: 'echo', payload: { a: 1 } },
    headers: { 'Idempotency-Key': 'k1' },
  })
  expect(await submit(gateway, token, { job }, { 'idempotency-key': 'k1' })).toMatchObject({
    id: body.id,
    isNew: false,
  })
  expect(await submit(gateway, token, { job: { ...job, idempotencyKey: 'k1' } })).toMatchObject({
    id: body.id,
    isNew: false,
  })
  const error = await refusalOf(
    submit(gateway, token, { job: { task: 'sleep', idempotencyKey: 'k1', payloadJson: json({ ms: 1 }) } }),
  )
  expect(error.code).toBe(status.INVALID_ARGUMENT)
  expect(detailsOf(error)).toMatchObject({ ErrorInfo: { reason: 'IDEMPOTENCY_KEY_REUSED' } })
  const both = submit(gateway, token, { job: { ...job, idempotencyKey: 'k1' } }, { 'idempotency-key': 'k2' })
  expect((await refusalOf(both)).code).toBe(status.INVALID_ARGUMENT)
})

test('wrong fields are named in BadRequest, and nothing is stored', async () => {
  const gateway = await openTestGrpcGateway()
  const token = await gateway.tokenOf('user')
  const job = { task: 'echo' }
  const cases: [SubmitRequest, field: string, reason: string][] = [
    [{}, 'job', 'INVALID_REQUEST'],
    [{ job: {} }, 'task', 'INVALID_REQUEST'],
    [{ job: { ...job, priority: 10 } }, 'priority', 'INVALID_REQUEST'],
    [{ job: { ...job, requirement: 9 as never } }, 'requirement', 'INVALID_REQUEST'],
    [{ job: { ...job, delayMs: '9007199254740993000' } }, 'delayMs', 'INVALID_REQUEST'],
    [{ job: { ...job, runAt: { seconds: '9007199254740993' } } }, 'runAt', 'INVALID_REQUEST'],
    [{ job: { ...job, resources: { cpu: NaN } } }, 'resources.cpu', 'INVALID_REQUEST'],
    [{ job: { ...job, labels: { 'a b': 'c' } } }, 'labels.a b', 'INVALID_REQUEST'],
    [
      { job: { ...job, payloadJson: Buffer.from('{"a": 9007199254740993}') } },
      'payload.a',
      'INVALID_REQUEST',
    ],
    [{ job: { ...job, payloadJson: Buffer.from([0x22, 0xff, 0x22]) } }, 'payload', 'INVALID_REQUEST'],
    [{ job: { ...job, idempotencyKey: '' } }, 'Idempotency-Key', 'INVALID_REQUEST'],
    [{ job, waitSeconds: 61 }, 'waitSeconds', 'INVALID_REQUEST'],
    [{ job: { task: 'sleep', payloadJson: json({ ms: 'long' }) } }, 'payload.ms', 'PAYLOAD_MISFIT'],
  ]
  await aNode(gateway.deps)
  for (const [request, field, reason] of cases) {
    const error = await refusalOf(submit(gateway, token, request))
    expect(error).toMatchObject({ code: status.INVALID_ARGUMENT })
    expect(detailsOf(error)).toMatchObject({
      ErrorInfo: { reason, domain: 'noodle' },
      BadRequest: { fieldViolations: expect.arrayContaining([expect.objectContaining({ field })]) },
    })
  }
  expect((await gateway.call('GET', '/v1/jobs', { token })).body.items).toEqual([])
})

test('jobs are listed page by page, cancelled and replayed, tiers listed', async () => {
  const gateway = await openTestGrpcGateway({ GRPC_MESSAGE_LIMIT_BYTES: '60000' })
  const token = await gateway.tokenOf('user')
  const large = json('x'.repeat(25_000))
  const ids: string[] = []
  for (const name of ['a', 'b', 'c'])
    ids.unshift(
      (await submit(gateway, token, { job: { task: 'echo', labels: { name }, payloadJson: large } })).id,
    )
  const list = (request: object): Promise<ListResponse__Output> =>
    answerOf((done) => gateway.jobs.list(request, metadata(token), done))
  const first = await list({ limit: 3 })
  expect(first.items.map(({ id }) => id)).toEqual(ids.slice(0, 2)) // a page is no larger than a message
  const second = await list({ cursor: first.nextCursor })
  expect(second).toMatchObject({ items: [{ id: ids[2] }], nextCursor: '' })
  expect((await list({ label: { name: 'b' } })).items).toMatchObject([{ id: ids[1] }])
  expect((await list({ state: ['JOB_STATE_RUNNING'] })).items).toEqual([])
  expect((await refusalOf(list({ limit: 500 }))).code).toBe(status.INVALID_ARGUMENT)

  const [id = ''] = ids
  const replay = (): Promise<SubmitResponse__Output> =>
    answerOf((done) => gateway.jobs.replay({ id, payloadJson: json('again') }, metadata(token), done))
  expect((await refusalOf(replay())).code).toBe(status.FAILED_PRECONDITION)
  const cancelled = await answerOf<Job__Output>((done) => gateway.jobs.cancel({ id }, metadata(token), done))
  expect(cancelled.state).toBe('JOB_STATE_CANCELLED')
  const again = await replay()
  expect((await gateway.call('GET', `/v1/jobs/${again.id}`, { token })).body).toMatchObject({
    replayOf: id,
    payload: 'again',
  })
  const tiers = await answerOf<ListTiersResponse__Output>((done) =>
    gateway.jobs.listTiers({}, metadata(token), done),
  )
  expect(tiers.items.map(({ tier, pending }) => [tier, pending])).toEqual([
    ['small', '3'],
    ['medium', '0'],
    ['heavy', '0'],
  ])
})

test('a job is watched from what is known to its end', async () => {
  const gateway = await openTestGrpcGateway()
  const token = await gateway.tokenOf('user')
  const { id } = await submit(gateway, token, { job: { task: 'echo' } })
  const stream = gateway.jobs.watch({ id }, metadata(token))
  const states: unknown[] = []
  const seen = (async () => {
    for await (const { event } of stream as AsyncIterable<WatchResponse__Output>) {
      states.push(event?.state)
      if (event?.state === 'JOB_STATE_QUEUED') {
        const bootId = await aNode(gateway.deps)
        await claimJob(gateway.deps, bootId, { id, seq: 1 })
      }
      if (event?.state === 'JOB_STATE_RUNNING')
        await answerOf((done) => gateway.jobs.cancel({ id }, metadata(token), done))
      if (event?.state === 'JOB_STATE_RUNNING') break
    }
  })()
  await dispatchJobs(gateway.deps)
  await seen
  expect(states).toEqual(['JOB_STATE_PENDING', 'JOB_STATE_QUEUED', 'JOB_STATE_RUNNING'])

  const { id: other } = await submit(gateway, token, { job: { task: 'echo' } })
  await answerOf((done) => gateway.jobs.cancel({ id: other }, metadata(token), done))
  const rest: unknown[] = []
  const resumed = gateway.jobs.watch({ id: other, afterSeq: 1 }, metadata(token))
  for await (const { event } of resumed as AsyncIterable<WatchResponse__Output>)
    rest.push([event?.seq, event?.state])
  expect(rest).toEqual([['2', 'JOB_STATE_CANCELLED']])
})

test('a stream of submissions answers each of its jobs', async () => {
  const gateway = await openTestGrpcGateway()
  const token = await gateway.tokenOf('user')
  const stream = gateway.jobs.submitStream(metadata(token))
  const results: SubmitStreamResponse__Output['results'] = []
  stream.on('data', (answer: SubmitStreamResponse__Output) => results.push(...answer.results))
  const ended = new Promise<number>((resolve) => stream.on('status', ({ code }) => resolve(code)))
  const good = { task: 'echo', payloadJson: json(1) }
  stream.write({ jobs: [good, { task: '!' }, { ...good, payloadJson: Buffer.from('{') }] })
  for (let i = 0; i < 600; i++)
    stream.write({ jobs: [{ ...good, idempotencyKey: `key ${String(i % 300)}` }] })
  stream.write({ jobs: Array.from({ length: 1500 }, () => good) })
  stream.end()
  expect(await ended).toBe(status.OK)
  results.sort((a, b) => Number(a.index) - Number(b.index))
  expect(results.map(({ index }) => Number(index))).toEqual(Array.from({ length: 2103 }, (_, i) => i))
  expect(results.filter(({ job }) => job)).toHaveLength(2101)
  expect(new Set(results.flatMap(({ job }) => job?.id ?? [])).size).toBe(1801)
  expect(results[1]?.error).toMatchObject({ code: status.INVALID_ARGUMENT, message: /task/ })
})
