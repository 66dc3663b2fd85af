import { expect, test } from '@jest/globals'
import { openTestGateway } from '../support/gateway.ts'

const lines = (...jobs: unknown[]): string =>
  jobs.map((job) => (typeof job === 'string' ? job : JSON.stringify(job))).join('\n')

test('each job of a batch is accepted or refused by itself, with its wrong fields', async () => {
  const { call, tokenOf, deps } = await openTestGateway()
  const jobs = [
    { task: 'echo' },
    { task: 'nothing' },
    { task: 'echo', priority: 11 },
    7,
    { task: 'sleep', payload: { ms: 'x' } },
    { task: 'echo', concurrencyKey: 'a' },
    { task: 'echo' },
  ]
  const { status, body } = await call('POST', '/v1/jobs/batch', {
    token: await tokenOf('user'),
    body: { jobs },
  })
  expect({ status, accepted: body.accepted, rejected: body.rejected }).toEqual({
    status: 202,
    accepted: 2,
    rejected: 5,
  })
  expect(
    body.results.map((result: { index: number; errors?: { path: string }[] }) => [
      result.index,
      result.errors?.[0]?.path,
    ]),
  ).toEqual([
    [0, undefined],
    [1, 'task'],
    [2, 'priority'],
    [3, ''],
    [4, 'payload.ms'],
    [5, 'concurrencyKey'],
    [6, undefined],
  ])
  expect(await deps.jobs.list({}, { limit: 10 })).toHaveLength(2)
})

test('an atomic batch with one wrong job stores none, and names it', async () => {
  const { call, tokenOf, deps } = await openTestGateway()
  const token = await tokenOf('user')
  const refused = await call('POST', '/v1/jobs/batch?atomic=true', {
    token,
    body: { jobs: [{ task: 'echo' }, { task: 'echo', priority: 11 }] },
  })
  expect(refused).toMatchObject({ status: 400, body: { errors: [{ path: 'jobs.1.priority' }] } })
  expect(await deps.jobs.list({}, { limit: 10 })).toEqual([])
  expect(
    (
      await call('POST', '/v1/jobs/batch?atomic=true', {
        token,
        body: { jobs: [{ task: 'echo' }, { task: 'echo' }] },
      })
    ).body,
  ).toMatchObject({ accepted: 2, rejected: 0 })
})

test('a stream of lines is taken as a batch; a bad line is refused alone', async () => {
  const { url, tokenOf } = await openTestGateway()
  const body = Buffer.concat([
    Buffer.from(
      lines(
        { task: 'echo', payload: 'naïve 🍜' },
        '',
        '{"task":',
        { task: 'echo', idempotencyKey: 'a' },
        '{"task":"echo","task":"echo"}',
      ) + '\n{"task":"echo","payload":"',
    ),
    Buffer.from([0xc3, 0x28]),
    Buffer.from('"}\r\n' + lines({ task: 'echo', idempotencyKey: 'a' })),
  ])
  const response = await fetch(`${url}/v1/jobs/batch`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${await tokenOf('user')}`, 'Content-Type': 'application/x-ndjson' },
    body,
  })
  const answer = (await response.json()) as {
    accepted: number
    rejected: number
    results: { index: number; id?: string }[]
  }
  expect(answer).toMatchObject({ accepted: 3, rejected: 3 })
  expect(answer.results.map(({ index, id }) => [index, id !== undefined])).toEqual([
    [0, true],
    [1, false],
    [2, true],
    [3, false],
    [4, false],
    [5, true],
  ])
  expect(answer.results[2]?.id).toBe(answer.results[5]?.id)
})

test('a thousand lines are one batch, and more jobs than the limit are refused', async () => {
  const { url, tokenOf, call, deps } = await openTestGateway({ BATCH_LIMIT_JOBS: '1200' })
  const token = await tokenOf('user')
  const post = (count: number) =>
    fetch(`${url}/v1/jobs/batch`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/x-ndjson' },
      body: lines(...Array.from({ length: count }, (_, i) => ({ task: 'echo', payload: i }))),
    })
  expect(await (await post(1000)).json()).toMatchObject({ accepted: 1000, rejected: 0 })
  expect((await post(1201)).status).toBe(413)
  expect(
    await call('POST', '/v1/jobs/batch', {
      token,
      body: { jobs: Array.from({ length: 1201 }, () => ({ task: 'echo' })) },
    }),
  ).toMatchObject({ status: 400, body: { errors: [{ path: 'jobs' }] } })
  const payloads = (await deps.jobs.list({}, { limit: 1000 })).length
  expect(payloads).toBe(1000)
})

test('an Idempotency-Key for a whole batch is refused with the way out', async () => {
  const { call, tokenOf } = await openTestGateway()
  const answer = await call('POST', '/v1/jobs/batch', {
    token: await tokenOf('user'),
    headers: { 'Idempotency-Key': 'x' },
    body: { jobs: [{ task: 'echo' }] },
  })
  expect(answer).toMatchObject({
    status: 400,
    body: {
      errors: [{ path: 'Idempotency-Key', message: expect.stringContaining('idempotencyKey') }],
    },
  })
})

test('when more jobs wait for Postgres than it can take, submissions are refused before they are read', async () => {
  const { call, tokenOf, deps } = await openTestGateway()
  const token = await tokenOf('user')
  deps.acceptBatch.isCrowded = () => true
  for (const path of ['/v1/jobs', '/v1/jobs/batch']) {
    const refused = await call('POST', path, { token, body: { jobs: 'not read' } })
    expect(refused).toMatchObject({ status: 503, body: { type: 'urn:noodle:error:overloaded' } })
    expect(refused.headers.get('Retry-After')).toBe('1')
  }
})
