import { expect, test } from '@jest/globals'
import pg from 'pg'
import type { TaskOffer } from '../../queue/domain/node.ts'
import { balanceLedger } from '../../queue/use-cases/balance-ledger.ts'
import { mayAnswer } from '../../queue/use-cases/may-answer.ts'
import { type Answer, openTestGateway, type TestGateway } from '../support/gateway.ts'
import { ownRedis } from '../support/own-servers.ts'
import { dispatchJobs } from '../support/test-queue.ts'
import { testRedis } from '../support/test-redis.ts'
import { waitFor } from '../support/wait-for.ts'
import { startInnerWorker } from '../workers/an-inner-worker.ts'

interface World extends TestGateway {
  token: string
  submit(
    job?: Record<string, unknown>,
    options?: { token?: string; headers?: Record<string, string> },
  ): Promise<Answer>
  /** Submits, and lets a worker run it when the cache has no answer. */
  finish(job?: Record<string, unknown>, options?: { token?: string }): Promise<Answer['body']>
  /** Waits until this gateway's look for an answer would find the job's result. */
  untilKept(id: string): Promise<void>
}

const cache = { ttlSeconds: 60 }
const anEcho = { task: 'echo', payload: { b: [1, { x: 1, y: 'ü' }], a: 2 }, cache }

async function openWorld(env: Record<string, string> = {}): Promise<World> {
  const gateway = await openTestGateway({}, { env })
  const { deps, call } = gateway
  const token = await gateway.tokenOf('user', 'ours')
  const submit: World['submit'] = (job, options = {}) =>
    call('POST', '/v1/jobs', { token, body: { ...anEcho, ...job }, ...options })
  return {
    ...gateway,
    token,
    submit,
    async finish(job, options) {
      const { status, body } = await submit(job, options)
      if (status !== 202) throw new Error(JSON.stringify(body))
      if (body.state === 'succeeded') return body
      await dispatchJobs(deps)
      return waitFor(async () => {
        const ended = await deps.jobs.find(body.id as string, null)
        return ended?.state === 'succeeded' && ended
      })
    },
    async untilKept(id) {
      await waitFor(async () => {
        const row = await deps.jobs.find(id, null)
        if (!row) return false
        const { cacheKey } = await readKey(gateway, id)
        const place = { tenant: row.tenant, task: row.task, key: cacheKey }
        const found = await deps.cache.findResult(place)
        deps.cache.forgetResultHere(place)
        return found === id
      })
    },
  }
}

async function query<Row extends pg.QueryResultRow>(
  gateway: TestGateway,
  text: string,
  values: unknown[],
): Promise<Row[]> {
  const db = new pg.Client(gateway.databaseUrl)
  await db.connect()
  try {
    return (await db.query<Row>(text, values)).rows
  } finally {
    await db.end()
  }
}

async function readKey(gateway: TestGateway, id: string): Promise<{ cacheKey: Buffer }> {
  const text = 'SELECT cache_key AS "cacheKey" FROM jobs WHERE id = $1'
  const [row] = await query<{ cacheKey: Buffer }>(gateway, text, [id])
  if (!row) throw new Error(`There is no job ${id}.`)
  return row
}

/** A gateway with a worker, and the first job of those that are equal to it, whose result is kept. */
async function openWithResult(): Promise<World & { first: string }> {
  const world = await openWorld()
  await startInnerWorker(world.deps)
  const { id } = await world.finish()
  await world.untilKept(id as string)
  return { ...world, first: id as string }
}

test('an equal job is answered at once by whatever gateway, as a job that has succeeded without running', async () => {
  const one = await openWithResult()
  const other = await openWorld()
  const answer = await other.submit({
    payload: { a: 2, b: [1, { y: 'ü', x: 1 }] },
    priority: 9,
    labels: { run: '2' },
  })
  expect(answer).toMatchObject({
    status: 202,
    body: {
      state: 'succeeded',
      cachedFrom: one.first,
      result: anEcho.payload,
      ...{ attempt: 0, startedAt: null, nodeId: null, usage: null, error: null, replayOf: null },
      ...{ priority: 9, labels: { run: '2' }, tenant: 'ours', payload: { a: 2, b: [1, { y: 'ü', x: 1 }] } },
    },
  })
  expect(answer.headers.get('Location')).toBe(`/v1/jobs/${String(answer.body.id)}`)
  expect((await one.call('GET', `/v1/jobs/${String(answer.body.id)}`, { token: one.token })).body).toEqual(
    answer.body,
  )
  const { body: events } = await one.call('GET', `/v1/jobs/${String(answer.body.id)}/events`, {
    token: one.token,
  })
  expect(events.items).toEqual([
    { seq: 1, at: expect.any(String), state: 'pending' },
    { seq: 2, at: expect.any(String), state: 'succeeded', reason: 'cached' },
  ])
  const waited = await one.submit({}, { headers: { Prefer: 'wait=30' } })
  expect(waited).toMatchObject({ status: 200, body: { state: 'succeeded', cachedFrom: one.first } })
  // It went by the ledger, and is no source itself.
  expect(await balanceLedger(one.deps, { settleMs: 0, restMs: 0 })).toMatchObject({ missing: 0, surplus: 0 })
  expect((await readKey(one, answer.body.id as string)).cacheKey).toBeNull()
  expect((await one.deps.metrics.jobsCached.get()).values).toMatchObject([
    { value: 1, labels: { task: 'echo' } },
  ])
})

test('a job is answered though no node is up, and without warnings', async () => {
  const world = await openWithResult()
  await query(world, "UPDATE nodes SET state = 'stopped'", [])
  await waitFor(async () => (await world.gateway.fleet()).nodes.length === 0)
  const { body } = await world.submit()
  expect(body).toMatchObject({ state: 'succeeded', cachedFrom: world.first })
  expect(body.warnings).toBeUndefined()
})

test('nothing but an equal job of the same tenant that is due and asks for it is answered', async () => {
  const world = await openWithResult()
  const theirs = { token: await world.tokenOf('user', 'theirs') }
  const admins = { token: await world.tokenOf('admin') }
  const unequal: [Record<string, unknown>, { token?: string }?][] = [
    [{}, theirs],
    [{}, admins],
    [{ cache: undefined }],
    [{ payload: { ...anEcho.payload, a: '2' } }],
    [{ payload: { ...anEcho.payload, c: null } }],
    [{ payload: [anEcho.payload] }],
    [{ delayMs: 60_000 }],
    [{ runAt: new Date(Date.now() + 60_000).toISOString() }],
  ]
  for (const [job, options] of unequal) {
    const { body } = await world.submit(job, options)
    expect({ job, state: body.state, cachedFrom: body.cachedFrom, result: body.result }).toEqual({
      ...{ job, state: 'pending', cachedFrom: null, result: null },
    })
  }
  expect((await world.submit()).body.cachedFrom).toBe(world.first)
})

test('only a result of a job that asked for the cache, succeeded, and left nothing in the blob store is kept', async () => {
  const world = await openWithResult()
  await world.finish({ payload: 1, cache: undefined })
  const artful = await world.finish({ payload: 2 })
  const cancelled = (await world.submit({ payload: 3 })).body
  await world.call('POST', `/v1/jobs/${String(cancelled.id)}/cancel`, { token: world.token })
  const large = await world.finish({ payload: 4 })
  await query(
    world,
    "INSERT INTO artifacts (job_id, fence, name, bytes, sha256) VALUES ($1, 1, 'a', 1, 'b')",
    [artful.id],
  )
  await query(world, `UPDATE jobs SET result_ref = '{"key": "a", "bytes": 1, "sha256": "b"}' WHERE id = $1`, [
    large.id,
  ])
  for (const [source, payload] of [
    [artful.id, 2],
    [cancelled.id, 3],
    [large.id, 4],
  ] as const) {
    const { cacheKey } = await readKey(world, source as string)
    // Whoever says that it is kept is not believed.
    world.deps.cache.keepResult({ tenant: 'ours', task: 'echo', key: cacheKey }, source as string)
    expect((await world.submit({ payload })).body).toMatchObject({ state: 'pending', cachedFrom: null })
  }
  expect((await world.submit({ payload: 1 })).body).toMatchObject({ state: 'pending', cachedFrom: null })
})

test('a payload that is too large for its row makes no difference', async () => {
  const world = await openWorld()
  const job = { payload: { text: 'x'.repeat(100_000) } }
  const { id } = (await world.submit(job)).body
  await query(world, "UPDATE jobs SET state = 'succeeded', result = '7', finished_at = now() WHERE id = $1", [
    id,
  ])
  const { cacheKey } = await readKey(world, id as string)
  expect(mayAnswer({ version: '1', deterministic: true }, { task: 'echo', ...job, cacheKey })).toBe(true)
  world.deps.cache.keepResult({ tenant: 'ours', task: 'echo', key: cacheKey }, id as string)
  const { body } = await world.submit(job)
  expect(body).toMatchObject({ cachedFrom: id, result: 7, ...job })
  expect((await world.call('GET', `/v1/jobs/${String(body.id)}`, { token: world.token })).body).toMatchObject(
    job,
  )
})

test('ttlSeconds counts from when the earlier job ended, and a newer run answers also where an older one is remembered', async () => {
  const world = await openWithResult()
  const other = await openWorld()
  await query(world, "UPDATE jobs SET finished_at = now() - interval '30 seconds' WHERE id = $1", [
    world.first,
  ])
  for (const { submit } of [world, other])
    expect((await submit({ cache: { ttlSeconds: 40 } })).body.cachedFrom).toBe(world.first)
  const second = await world.finish({ cache: { ttlSeconds: 29 } })
  expect(second).toMatchObject({ cachedFrom: null, result: anEcho.payload })
  await world.untilKept(second.id as string)
  expect((await other.submit({ cache: { ttlSeconds: 29 } })).body.cachedFrom).toBe(second.id)
})

test('who asks for a longer time than results are kept is told so', async () => {
  const { submit } = await openWorld()
  expect((await submit({ cache: { ttlSeconds: 3601 } })).body.warnings).toContain(
    'Results are kept for 3600 s only (CACHE_REDIS_SECONDS).',
  )
})

test('clearing task_* is heard by all gateways: the next equal job runs', async () => {
  const one = await openWithResult()
  const other = await openWorld()
  for (const { submit } of [one, other]) expect((await submit()).body.cachedFrom).toBe(one.first)
  const token = await one.tokenOf('admin')
  expect((await one.call('DELETE', '/v1/cache?pattern=task_resize', { token })).body.removed).toBe(0)
  expect((await one.submit()).body.cachedFrom).toBe(one.first)
  expect((await one.call('DELETE', '/v1/cache?pattern=task_e*o', { token })).body.removed).toBe(1)
  expect((await one.submit()).body.cachedFrom).toBeNull()
  await waitFor(async () => (await other.submit()).body.cachedFrom === null)
})

test('what stands in the cache Redis can not give a tenant what is not its own', async () => {
  const world = await openWithResult()
  const theirs = { token: await world.tokenOf('user', 'theirs') }
  const twin = await world.finish({}, theirs)
  const foreign = await world.finish({ payload: 'secret' }, theirs)
  const another = await world.finish({ payload: 'another' })
  const sleeping = await world.finish({ task: 'sleep', payload: { ms: 0 }, cache: undefined })
  const { cacheKey: key } = await readKey(world, world.first)
  const place = { tenant: 'ours', task: 'echo', key }
  for (const id of [twin.id, foreign.id, another.id, sleeping.id, world.deps.newId()] as string[]) {
    world.deps.cache.keepResult(place, id)
    expect((await world.submit()).body).toMatchObject({ state: 'pending', cachedFrom: null, result: null })
  }
  world.deps.cache.keepResult(place, world.first)
  expect((await world.submit()).body.cachedFrom).toBe(world.first)
})

test('with an idempotency key the first job is the first job, answered or not', async () => {
  const world = await openWithResult()
  const keyed = (key: string, job = {}) => world.submit(job, { headers: { 'Idempotency-Key': key } })
  const answered = await keyed('one')
  expect(answered).toMatchObject({ status: 202, body: { cachedFrom: world.first } })
  expect(await keyed('one')).toMatchObject({
    status: 200,
    body: { id: answered.body.id, cachedFrom: world.first },
  })
  expect((await keyed('one', { priority: 1 })).status).toBe(422)
  expect((await keyed('one', { cache: { ttlSeconds: 59 } })).status).toBe(422)

  const pending = await keyed('two', { payload: 'x', delayMs: 60_000 })
  expect(await keyed('two', { payload: 'x', delayMs: 60_000 })).toMatchObject({
    status: 200,
    body: { id: pending.body.id },
  })
  const many = await Promise.all(Array.from({ length: 20 }, () => keyed('three')))
  expect(new Set(many.map(({ body }) => body.id)).size).toBe(1)
  expect(many.filter(({ status }) => status === 202)).toHaveLength(1)
})

test('a batch mixes jobs that are answered with others, by itself or all or none', async () => {
  const world = await openWithResult()
  const batch = (query: string, jobs: unknown[]) =>
    world.call('POST', `/v1/jobs/batch${query}`, { token: world.token, body: { jobs } })
  const jobs = [
    anEcho,
    { ...anEcho, payload: 'x' },
    { task: 'sleep', payload: { ms: 1 }, cache },
    { ...anEcho, idempotencyKey: 'k' },
    { ...anEcho, idempotencyKey: 'k' },
  ]
  const fromOf = async (results: { id?: string }[]) =>
    Promise.all(results.map(async ({ id }) => id && (await world.deps.jobs.find(id, null))?.cachedFrom))
  const mixed = await batch('', jobs)
  expect(mixed.body).toMatchObject({
    accepted: 4,
    rejected: 1,
    results: [{}, {}, { code: 'TASK_NOT_DETERMINISTIC' }, {}, {}],
  })
  expect(await fromOf(mixed.body.results)).toEqual([world.first, null, undefined, world.first, world.first])
  expect(mixed.body.results[3].id).toBe(mixed.body.results[4].id)

  const count = async () => (await world.deps.jobs.list({}, { limit: 100 })).length
  const before = await count()
  expect(
    (await batch('?atomic=true', [anEcho, { ...anEcho, priority: 1, idempotencyKey: 'k' }])).status,
  ).toBe(422)
  expect(await count()).toBe(before)
  const atomic = await batch('?atomic=true', [anEcho, { ...anEcho, payload: 'y' }])
  expect(await fromOf(atomic.body.results)).toEqual([world.first, null])
})

test('a replay runs, also of a job that the cache answered', async () => {
  const world = await openWithResult()
  const { body } = await world.submit()
  const replay = await world.call('POST', `/v1/jobs/${String(body.id)}/replay`, { token: world.token })
  expect(replay).toMatchObject({
    status: 202,
    body: { state: 'pending', replayOf: body.id, cachedFrom: null },
  })
})

test('when the earlier job is gone, an equal one runs', async () => {
  const world = await openWithResult()
  expect((await world.submit()).body.cachedFrom).toBe(world.first)
  await query(world, 'DELETE FROM jobs WHERE id = $1', [world.first])
  expect((await world.submit()).body).toMatchObject({ state: 'pending', cachedFrom: null })
})

test('while the cache Redis is away jobs run as any others', async () => {
  const server = await ownRedis()
  const world = await openWorld({ CACHE_REDIS_URL: server.url, CACHE_LOCAL_BYTES: '0' })
  await startInnerWorker(world.deps)
  await world.untilKept((await world.finish()).id as string)
  expect((await world.submit()).body.cachedFrom).not.toBeNull()
  await server.stop()
  for (let i = 0; i < 3; i++)
    expect((await world.submit()).body).toMatchObject({ state: 'pending', cachedFrom: null })
  expect(
    (await world.call('DELETE', '/v1/cache?pattern=task_*', { token: await world.tokenOf('admin') })).status,
  ).toBe(503)
})

const resize: TaskOffer = {
  ...{ name: 'resize', version: '1', description: '', kind: 'module', payloadSchema: {}, resultSchema: {} },
  deterministic: true,
}

test('a task is cached by the version that was published last, and declares it in the catalogue', async () => {
  const world = await openWorld({ CACHE_REDIS_URL: await testRedis() })
  const register = async (offer: TaskOffer): Promise<void> => {
    await query(world, "UPDATE nodes SET state = 'stopped'", [])
    const bootId = world.deps.newId()
    const size = { tiers: ['small'], cpus: 2, memoryMb: 4096, gpus: 0, concurrency: 2, version: '0' }
    await world.deps.nodes.register({ id: `node-${bootId}`, bootId, ...size, tasks: [offer] }, 60_000)
    await waitFor(async () => {
      const { nodes } = await world.gateway.fleet()
      return nodes.length === 1 && nodes[0]?.bootId === bootId
    })
  }
  const job = { task: 'resize', payload: { width: 1 } }
  await register(resize)
  expect((await world.call('GET', '/v1/tasks/resize', { token: world.token })).body).toMatchObject({
    deterministic: true,
  })
  const { id } = (await world.submit(job)).body
  await query(world, "UPDATE jobs SET state = 'succeeded', result = '7', finished_at = now() WHERE id = $1", [
    id,
  ])
  const { cacheKey } = await readKey(world, id as string)
  // Another version runs it, or one that is not deterministic, or nobody asked: it answers nothing.
  const ran = { task: 'resize', payload: job.payload, cacheKey }
  expect(mayAnswer({ ...resize, version: '2' }, ran)).toBe(false)
  expect(mayAnswer({ ...resize, deterministic: false }, ran)).toBe(false)
  expect(mayAnswer(resize, { ...ran, cacheKey: null })).toBe(false)
  expect(mayAnswer(resize, ran)).toBe(true)
  world.deps.cache.keepResult({ tenant: 'ours', task: 'resize', key: cacheKey }, id as string)
  expect((await world.submit(job)).body).toMatchObject({ cachedFrom: id, result: 7 })
  await register({ ...resize, version: '2' })
  expect((await world.submit(job)).body.cachedFrom).toBeNull()
  await register({ ...resize, deterministic: false })
  expect(await world.submit(job)).toMatchObject({
    status: 422,
    body: {
      type: 'urn:noodle:error:task-not-deterministic',
      errors: [{ path: 'cache', message: expect.stringContaining('deterministic') }],
    },
  })
})
