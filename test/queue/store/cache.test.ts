import { expect, test } from '@jest/globals'
import { silentLogger } from '../../../core/logger.ts'
import { makeMetrics } from '../../../core/metrics.ts'
import type { User } from '../../../queue/domain/user.ts'
import { makeCache } from '../../../queue/store/cache.ts'
import { closeRedis, openRedis, untilReady } from '../../../queue/store/redis.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { ownRedis } from '../../support/own-servers.ts'
import { openRedisProxy } from '../../support/redis-proxy.ts'
import { testRedis } from '../../support/test-redis.ts'
import { alice, aNode, aRunningJob, bob, openTestQueue, submit } from '../../support/test-queue.ts'
import { finishJob } from '../../../queue/use-cases/finish-job.ts'
import { readJob } from '../../../queue/use-cases/find-job.ts'
import { waitFor } from '../../support/wait-for.ts'

const id = '00000000-0000-7000-8000-000000000001'

const aUser = (fields: Partial<User> = {}): User => ({
  ...{ id, username: 'carol', role: 'user', tenant: 'carols', tokenVersion: 1 },
  disabledAt: null,
  createdAt: new Date('2026-01-01T00:00:00Z'),
  ...fields,
})

/** A process' cache on a Redis, whose clock moves only when told. Processes hear of one another through `told`. */
async function openCache(redisUrl: string, options: { localBytes?: number; hasOwnRedis?: boolean } = {}) {
  const redis = openRedis({ redisUrl, purpose: 'cache', name: 'test', log: silentLogger })
  cleanUp(() => closeRedis(redis))
  await untilReady(redis, 2000)
  const clock = { nowMs: 1000 }
  const metrics = makeMetrics()
  const told: string[] = []
  let hear: ((pattern: string) => void) | undefined
  const cache = makeCache(
    {
      redis,
      signals: {
        tellCleared: (pattern) => told.push(pattern),
        onCleared(hearer) {
          hear = hearer
          return Promise.resolve()
        },
      },
    },
    {
      localBytes: options.localBytes ?? 1_000_000,
      localMs: 300_000,
      redisMs: 3_600_000,
      entryBytes: 10_000,
      hasOwnRedis: options.hasOwnRedis ?? true,
      log: silentLogger,
      metrics,
      nowMs: () => clock.nowMs,
    },
  )
  /** By outcome. */
  const lookups = async (kind: string) =>
    Object.fromEntries(
      (await metrics.cacheLookups.get()).values
        .filter(({ labels }) => labels.kind === kind)
        .map(({ labels, value }) => [labels.outcome, value]),
    )
  return { cache, redis, clock, told, hear: (pattern: string) => hear?.(pattern), lookups, metrics }
}

test('a thousand who miss at once cause one load, and get what it brought', async () => {
  const { cache, lookups } = await openCache(await testRedis())
  let loads = 0
  const answers = await Promise.all(
    Array.from({ length: 1000 }, () =>
      cache.readUser(id, () => {
        loads++
        return Promise.resolve(aUser())
      }),
    ),
  )
  expect(loads).toBe(1)
  expect(new Set(answers.map((user) => user?.username))).toEqual(new Set(['carol']))
  expect(await lookups('user')).toEqual({ miss: 1 })
})

test('a load that fails is told to all who wait for it, and remembered by none', async () => {
  const { cache } = await openCache(await testRedis())
  const fail = () => Promise.reject(new Error('Postgres is away.'))
  const answers = await Promise.allSettled([cache.readUser(id, fail), cache.readUser(id, fail)])
  expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(await cache.readUser(id, () => Promise.resolve(aUser()))).toEqual(aUser())
})

test('another process finds in Redis what one has loaded, and a user is nowhere older than five seconds', async () => {
  const url = await testRedis()
  const [one, other] = [await openCache(url), await openCache(url)]
  await one.cache.readUser(id, () => {
    one.clock.nowMs += 2000 // a slow Postgres: the row may be as old as that
    return Promise.resolve(aUser())
  })
  await waitFor(async () => (await one.redis.keys('noodle-cache:*')).length === 1)
  const leftMs = await one.redis.pttl(`noodle-cache:user_${id}::`)
  expect(leftMs).toBeGreaterThan(1000)
  expect(leftMs).toBeLessThanOrEqual(3000)

  const neverLoaded = () => Promise.reject(new Error('must not be loaded'))
  const found = await waitFor(() => {
    other.clock.nowMs += 1100 // on a busy machine Redis may be slow, and is left alone for a second then
    return other.cache.readUser(id, neverLoaded)
  })
  expect(found).toEqual(aUser())
  expect(await other.lookups('user')).toMatchObject({ redis: 1 })
  await one.redis.flushdb()
  expect(await other.cache.readUser(id, neverLoaded)).toEqual(aUser())
  for (const { cache, clock } of [one, other]) {
    clock.nowMs += 3001
    expect(await cache.readUser(id, () => Promise.resolve(aUser({ tokenVersion: 2 })))).toMatchObject({
      tokenVersion: 2,
    })
    await one.redis.flushdb()
  }
})

test('what is forgotten while it is loaded is not kept', async () => {
  const url = await testRedis()
  const { cache, redis, hear } = await openCache(url)
  await cache.readUser('someone-else', () => Promise.resolve(null)) // from now on it hears
  for (const forget of [
    () => cache.forgetUser(id),
    () => cache.clear('user_*'),
    () => Promise.resolve(hear(`user_${id}`)),
  ]) {
    const old = await cache.readUser(id, async () => {
      await forget()
      return aUser()
    })
    expect(old).toEqual(aUser())
    expect(await redis.keys(`noodle-cache:user_${id}*`)).toEqual([])
    const fresh = await cache.readUser(id, () => Promise.resolve(aUser({ tokenVersion: 2 })))
    expect(fresh).toMatchObject({ tokenVersion: 2 })
    await cache.forgetUser(id)
  }
})

test('clearing takes what matches out of Redis and the process, tells the others, and leaves all else', async () => {
  const { cache, redis, told, lookups } = await openCache(await testRedis())
  await redis.mset(
    'noodle-cache:task_a:t:1',
    '1',
    'noodle-cache:task_b:task_a:2',
    '1',
    'noodle:count',
    '7',
    '{noodle-rate}:task_a',
    '1',
  )
  await redis.mset(
    Object.fromEntries(Array.from({ length: 2500 }, (_, i) => [`noodle-cache:task_c:t${String(i)}:x`, '1'])),
  )
  await cache.readUser(id, () => Promise.resolve(aUser()))
  expect(await cache.clear('task_a')).toBe(1)
  expect(await cache.clear('task_c*')).toBe(2500)
  expect((await redis.keys('*')).sort()).toEqual(
    [
      'noodle-cache:task_b:task_a:2',
      `noodle-cache:user_${id}::`,
      'noodle:count',
      '{noodle-rate}:task_a',
    ].sort(),
  )
  await cache.readUser(id, () => Promise.resolve(aUser()))
  expect(await lookups('user')).toEqual({ miss: 1, local: 1 })
  expect(await cache.clear('*')).toBe(2)
  expect((await redis.keys('*')).sort()).toEqual(['noodle:count', '{noodle-rate}:task_a'])
  expect(told).toEqual(['task_a', 'task_c*', '*'])
})

test('the process keeps no more than its bytes, what was not used for the longest goes first, and what is too large is not kept', async () => {
  const { cache, metrics, redis } = await openCache(await testRedis(), { localBytes: 20_000 })
  const load = (user: User) => () => Promise.resolve(user)
  let loads = 0
  for (let i = 0; i < 100; i++)
    await cache.readUser(String(i), load(aUser({ id: String(i), username: 'x'.repeat(200) })))
  const held = (await metrics.cacheLocalBytes.get()).values[0]?.value ?? 0
  expect(held).toBeGreaterThan(15_000)
  expect(held).toBeLessThanOrEqual(20_000)
  await redis.flushdb()
  for (const [name, isThere] of [
    ['99', true],
    ['0', false],
  ] as const) {
    loads = 0
    await cache.readUser(name, () => {
      loads++
      return Promise.resolve(null)
    })
    expect(loads).toBe(isThere ? 0 : 1)
  }
  await cache.readUser(id, load(aUser({ username: 'x'.repeat(10_001) })))
  expect(await redis.exists(`noodle-cache:user_${id}::`)).toBe(0)
})

test.each([
  ['no JSON', '{'],
  ['another user', JSON.stringify(aUser({ id: '00000000-0000-7000-8000-000000000002', role: 'admin' }))],
  ['a list', '[]'],
  ['a number', '7'],
])('%s in Redis in place of an entry counts as absent', async (_, text) => {
  const { cache, redis } = await openCache(await testRedis())
  await redis.set(`noodle-cache:user_${id}::`, text, 'PX', 5000)
  expect(await cache.readUser(id, () => Promise.resolve(aUser()))).toEqual(aUser())
})

test('a Redis that is away, or has gone deaf, is skipped: nobody waits, nobody is told; and clearing says so', async () => {
  const proxy = await openRedisProxy(await testRedis())
  const { cache } = await openCache(proxy.url)
  proxy.goDeaf()
  const startedMs = performance.now()
  for (let i = 0; i < 50; i++) {
    expect(await cache.readUser(String(i), () => Promise.resolve(null))).toBeNull()
    await cache.forgetUser(String(i))
  }
  expect(performance.now() - startedMs).toBeLessThan(1000)
  await expect(cache.clear('task_*')).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' })

  const server = await ownRedis()
  const { cache: without } = await openCache(server.url)
  await server.stop()
  const loads = Array.from({ length: 50 }, (_, i) => without.readUser(String(i), () => Promise.resolve(null)))
  expect(await Promise.all(loads)).toEqual(loads.map(() => null))
})

test('a live job is read from the record each time, an ended one from the cache, by each tenant for itself', async () => {
  const { deps } = await openTestQueue({}, { env: { CACHE_REDIS_URL: await testRedis() } })
  const bootId = await aNode(deps)
  const job = await aRunningJob(deps, bootId)
  let reads = 0
  const counted = {
    ...deps,
    jobs: {
      ...deps.jobs,
      find: (...args: Parameters<typeof deps.jobs.find>) => {
        reads++
        return deps.jobs.find(...args)
      },
    },
  }
  const read = () => readJob(counted, alice, job.id)
  await Promise.all([read(), read(), read()])
  expect(reads).toBe(3)
  await finishJob(deps, bootId, job, { kind: 'succeeded', result: { a: [1] }, usage: { wallMs: 1 } })
  const first = await read()
  expect(first).toMatchObject({ state: 'succeeded', result: { a: [1] } })
  reads = 0
  expect(await read()).toEqual(first)
  expect(await read()).toEqual(await deps.jobs.find(job.id, null))
  expect(reads).toBe(0)
  for (const tenant of ['builders', '', 'default', 'wonderland:x'])
    await expect(readJob(counted, { ...alice, tenant }, job.id)).rejects.toMatchObject({
      code: 'JOB_NOT_FOUND',
    })
  const hasWrong = { ...deps, cache: { ...deps.cache, readJob: () => Promise.resolve(first) } }
  await expect(readJob(hasWrong, bob, job.id)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' })
  await expect(readJob(counted, { ...alice, role: 'admin', tenant: 'default' }, job.id)).resolves.toEqual(
    first,
  )
  expect((await readJob(counted, alice, await submit(deps))).state).toBe('pending')
})

test('with the queue Redis as cache, ended jobs stay out of it', async () => {
  const { deps, redisUrl } = await openTestQueue()
  const bootId = await aNode(deps)
  const job = await aRunningJob(deps, bootId)
  await finishJob(deps, bootId, job, { kind: 'succeeded', result: null, usage: { wallMs: 1 } })
  await readJob(deps, alice, job.id)
  const { redis } = await openCache(redisUrl)
  expect(await redis.keys('noodle-cache:job*')).toEqual([])
})
