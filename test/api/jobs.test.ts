import { expect, test } from '@jest/globals'
import { claimJob } from '../../queue/use-cases/claim-job.ts'
import { finishJob } from '../../queue/use-cases/finish-job.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { openTestGateway } from '../support/gateway.ts'
import { dispatchJobs, aNode } from '../support/test-queue.ts'
import { waitFor } from '../support/wait-for.ts'

/** Runs a job to its end, as a worker would. */
async function run(deps: QueueDeps, id: string, result: string | null = 'done'): Promise<void> {
  const bootId = await aNode(deps)
  await dispatchJobs(deps)
  const job = await claimJob(deps, bootId, { id, seq: 1 })
  if (!job) throw new Error(`Job ${id} was not queued.`)
  const usage = { wallMs: 1 }
  await finishJob(
    deps,
    bootId,
    job,
    result === null
      ? { kind: 'failed', error: { code: 'TASK_ERROR', message: 'broke', attempt: 1 }, isFinal: true, usage }
      : { kind: 'succeeded', result, usage },
  )
}

test('a job is accepted with 202, its place, and a warning when nothing can run it now', async () => {
  const { call, tokenOf } = await openTestGateway()
  const token = await tokenOf('user')
  const { status, headers, body } = await call('POST', '/v1/jobs', {
    token,
    body: { task: 'echo', payload: [1], requirement: 'heavy', labels: { a: 'b' } },
  })
  expect(status).toBe(202)
  expect(headers.get('Location')).toBe(`/v1/jobs/${body.id as string}`)
  expect(body).toMatchObject({
    state: 'pending',
    tier: 'heavy',
    task: 'echo',
    attempt: 0,
    priority: 5,
    timeoutMs: 3_600_000,
    warnings: [expect.stringContaining('tier heavy')],
  })
  expect((await call('GET', `/v1/jobs/${body.id as string}`, { token })).body).toMatchObject({
    id: body.id,
    payload: [1],
    labels: { a: 'b' },
    createdAt: body.createdAt,
  })
})

test('the same idempotency key and body answer 200 with the first job, whatever the white space; another body 422', async () => {
  const { call, tokenOf, url } = await openTestGateway()
  const token = await tokenOf('user')
  const headers = { 'Idempotency-Key': 'key-1' }
  const first = await call('POST', '/v1/jobs', { token, headers, body: { task: 'echo', payload: 1 } })
  const spaced = await fetch(`${url}/v1/jobs`, {
    method: 'POST',
    headers: { ...headers, Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: '{ "task": "echo",\n"payload": 1 }',
  })
  expect({ status: spaced.status, body: await spaced.json() }).toMatchObject({
    status: 200,
    body: { id: first.body.id },
  })
  const inBatch = await call('POST', '/v1/jobs/batch', {
    token,
    body: { jobs: [{ task: 'echo', payload: 1, idempotencyKey: 'key-1' }] },
  })
  expect(inBatch.body).toMatchObject({ accepted: 1, results: [{ id: first.body.id }] })
  expect(
    await call('POST', '/v1/jobs', { token, headers, body: { task: 'echo', payload: 2 } }),
  ).toMatchObject({ status: 422 })
  expect(
    (
      await call('POST', '/v1/jobs', {
        token: await tokenOf('user'),
        headers,
        body: { task: 'echo', payload: 1 },
      })
    ).status,
  ).toBe(202)
})

test('Prefer: wait answers 200 with the result when the job ends in time, else 202', async () => {
  const { call, tokenOf, deps } = await openTestGateway()
  const token = await tokenOf('user')
  const waiting = call('POST', '/v1/jobs', { token, headers: { Prefer: 'wait=20' }, body: { task: 'echo' } })
  const id = await waitFor(async () => (await deps.jobs.list({}, { limit: 1 }))[0]?.id)
  await run(deps, id)
  const answer = await waiting
  expect({ status: answer.status, applied: answer.headers.get('Preference-Applied') }).toEqual({
    status: 200,
    applied: 'wait=20',
  })
  expect(answer.body).toMatchObject({ id, state: 'succeeded', result: 'done' })
  expect(
    (await call('POST', '/v1/jobs', { token, headers: { Prefer: 'wait=0' }, body: { task: 'echo' } })).status,
  ).toBe(202)
  expect(
    (
      await call('POST', '/v1/jobs', {
        token,
        headers: { Prefer: 'respond-async, wait=1' },
        body: { task: 'echo' },
      })
    ).status,
  ).toBe(202)
})

test('the list is filtered, newest first, and paged without gap or repeat', async () => {
  const { call, tokenOf, deps } = await openTestGateway()
  const token = await tokenOf('user')
  const ids: string[] = []
  for (let i = 0; i < 7; i++) {
    const { body } = await call('POST', '/v1/jobs', {
      token,
      body: {
        task: i % 2 ? 'echo' : 'sleep',
        payload: i % 2 ? `text ${String(i)}% "quoted"` : { ms: i },
        labels: { n: String(i), parity: i % 2 ? 'odd' : 'even' },
      },
    })
    ids.unshift(body.id as string)
  }
  const idsOf = async (query: string) =>
    ((await call('GET', `/v1/jobs?${query}`, { token })).body.items as { id: string }[]).map((job) => job.id)
  const paged: string[] = []
  for (let cursor: string | null = ''; cursor !== null;) {
    const { body } = await call('GET', `/v1/jobs?limit=3${cursor ? `&cursor=${cursor}` : ''}`, { token })
    paged.push(...(body.items as { id: string }[]).map((job) => job.id))
    cursor = body.nextCursor as string | null
  }
  expect(paged).toEqual(ids)
  expect(await idsOf('task=echo')).toEqual([ids[1], ids[3], ids[5]])
  expect(await idsOf('label=parity:even&label=n:2')).toEqual([ids[4]])
  expect(await idsOf('tier=small,medium&state=pending,queued&limit=1')).toEqual([ids[0]])
  expect(await idsOf('tier=large')).toEqual([])
  expect(await idsOf('q=TEXT%203%25')).toEqual([ids[3]])
  expect(await idsOf('q=%25')).toHaveLength(3)
  await run(deps, ids[1] ?? '', null)
  expect(await idsOf('state=failed')).toEqual([ids[1]])
  expect(await idsOf('q=broke')).toEqual([ids[1]])
  const middle = (await deps.jobs.find(ids[3] ?? '', null))?.createdAt.toISOString() ?? ''
  expect(await idsOf(`createdBefore=${middle}`)).toEqual(expect.arrayContaining(ids.slice(4)))
  expect(await idsOf(`createdAfter=${middle}`)).not.toContain(ids[4])
})

test('cancel answers 200 before the start and 202 while it runs, and 409 once it ended otherwise', async () => {
  const { call, tokenOf, deps } = await openTestGateway()
  const token = await tokenOf('user')
  const submit = async () =>
    (await call('POST', '/v1/jobs', { token, body: { task: 'echo' } })).body.id as string
  const [waiting, ended] = [await submit(), await submit()]
  expect(await call('POST', `/v1/jobs/${waiting}/cancel`, { token })).toMatchObject({
    status: 200,
    body: { state: 'cancelled' },
  })
  expect(await call('POST', `/v1/jobs/${waiting}/cancel`, { token, body: {} })).toMatchObject({ status: 200 })
  await run(deps, ended)
  expect(await call('POST', `/v1/jobs/${ended}/cancel`, { token })).toMatchObject({ status: 409 })
  const running = await submit()
  await dispatchJobs(deps)
  await claimJob(deps, await aNode(deps), { id: running, seq: 1 })
  expect(await call('POST', `/v1/jobs/${running}/cancel`, { token })).toMatchObject({
    status: 202,
    body: { state: 'running', cancelRequestedAt: expect.any(String) },
  })
})

test('replay makes a new job of an ended one, with its own payload if given, and refuses a live one', async () => {
  const { call, tokenOf, deps } = await openTestGateway()
  const token = await tokenOf('user')
  const { body: first } = await call('POST', '/v1/jobs', {
    token,
    body: { task: 'echo', payload: 'old', priority: 7, labels: { a: 'b' } },
  })
  expect((await call('POST', `/v1/jobs/${first.id as string}/replay`, { token })).status).toBe(409)
  await run(deps, first.id as string)
  const same = await call('POST', `/v1/jobs/${first.id as string}/replay`, { token })
  expect(same).toMatchObject({
    status: 202,
    body: { replayOf: first.id, payload: 'old', priority: 7, labels: { a: 'b' }, state: 'pending' },
  })
  const other = await call('POST', `/v1/jobs/${first.id as string}/replay`, {
    token,
    body: { payload: null },
  })
  expect(other.body).toMatchObject({ payload: null })
  expect((await call('GET', `/v1/jobs/${first.id as string}`, { token })).body).toMatchObject({
    state: 'succeeded',
    result: 'done',
  })
})

test('the timeline streams live until the end, and goes on after Last-Event-ID', async () => {
  const { url, call, tokenOf, deps } = await openTestGateway()
  const token = await tokenOf('user')
  const { body } = await call('POST', '/v1/jobs', { token, body: { task: 'echo' } })
  const follow = (headers: Record<string, string> = {}) =>
    fetch(`${url}/v1/jobs/${body.id as string}/events`, {
      headers: { Authorization: `Bearer ${token}`, Accept: 'text/event-stream', ...headers },
    })
  const stream = await follow()
  expect(stream.headers.get('Content-Type')).toBe('text/event-stream')
  await run(deps, body.id as string)
  const states = (text: string) => [...text.matchAll(/"state":"(\w+)"/g)].map((match) => match[1])
  expect(states(await stream.text())).toEqual(['pending', 'queued', 'running', 'succeeded'])
  expect(states(await (await follow({ 'Last-Event-ID': '2' })).text())).toEqual(['running', 'succeeded'])
  expect(states(await (await follow({ 'Last-Event-ID': '4' })).text())).toEqual([])
})

test('a job may wait for a year', async () => {
  const { call, tokenOf } = await openTestGateway()
  const delayMs = 365 * 86_400_000
  const { status, body } = await call('POST', '/v1/jobs', {
    token: await tokenOf('user'),
    body: { task: 'echo', delayMs },
  })
  expect(status).toBe(202)
  expect(Date.parse(body.timestamps.dueAt) - Date.parse(body.createdAt)).toBe(delayMs)
})
