import { expect, test } from '@jest/globals'
import { finishJob } from '../../queue/use-cases/finish-job.ts'
import { openTestGateway, type TestGateway } from '../support/gateway.ts'
import { aNode, aRunningJob } from '../support/test-queue.ts'
import { testRedis } from '../support/test-redis.ts'
import { waitFor } from '../support/wait-for.ts'

/** Two gateways on the same stores, with a cache Redis of its own. */
async function twoGateways(): Promise<[TestGateway, TestGateway]> {
  const options = { env: { CACHE_REDIS_URL: await testRedis() } }
  return [await openTestGateway({}, options), await openTestGateway({}, options)]
}

async function lookups({ deps }: TestGateway, kind: string, outcome: string): Promise<number> {
  const { values } = await deps.metrics.cacheLookups.get()
  return values.find(({ labels }) => labels.kind === kind && labels.outcome === outcome)?.value ?? 0
}

test('an ended job is served by the cache of all gateways, and clearing reaches all', async () => {
  const [one, other] = await twoGateways()
  const bootId = await aNode(one.deps)
  const job = await aRunningJob(one.deps, bootId)
  await finishJob(one.deps, bootId, job, { kind: 'succeeded', result: [1], usage: { wallMs: 1 } })
  const token = await one.tokenOf('user', 'wonderland')
  const read = (gateway: TestGateway) => gateway.call('GET', `/v1/jobs/${job.id}`, { token })

  const first = await read(one)
  expect(first).toMatchObject({ status: 200, body: { state: 'succeeded', result: [1] } })
  await waitFor(async () => {
    await read(other)
    return (await lookups(other, 'job', 'redis')) + (await lookups(other, 'job', 'local')) > 0
  })
  expect((await read(other)).body).toEqual(first.body)
  expect(await lookups(one, 'job', 'miss')).toBe(1)

  // What nobody may see any more is gone from both.
  await one.deps.jobs.pruneEnded({ retentionDays: -1, limit: 10 })
  expect([(await read(one)).status, (await read(other)).status]).toEqual([200, 200])
  const admin = await one.tokenOf('admin')
  expect(await one.call('DELETE', '/v1/cache?pattern=job_*', { token: admin })).toMatchObject({
    status: 200,
    body: { pattern: 'job_*', removed: 1 },
  })
  expect((await read(one)).status).toBe(404)
  await waitFor(async () => (await read(other)).status === 404)
  const { body } = await one.call('GET', '/v1/audit', { token: admin })
  expect(body.items[0]).toMatchObject({ action: 'cache.clear', target: 'job_*', details: { removed: 1 } })
})

test('a user who changes is out of all gateways, whichever heard of it', async () => {
  const [one, other] = await twoGateways()
  const admin = await one.tokenOf('admin')
  for (const change of [{ disabled: true }, { role: 'worker' }, null]) {
    const someone = await one.aUser('user')
    const token = one.gateway.auth.tokens.issue(someone)
    const statuses = async () =>
      Promise.all([one, other].map(async ({ call }) => (await call('GET', '/v1/jobs', { token })).status))
    expect(await statuses()).toEqual([200, 200])
    await (change
      ? one.call('PATCH', `/v1/users/${someone.id}`, { token: admin, body: change })
      : one.call('DELETE', `/v1/users/${someone.id}`, { token: admin }))
    expect((await one.call('GET', '/v1/jobs', { token })).status).toBe(401)
    await waitFor(async () => (await statuses()).every((status) => status === 401), { timeoutMs: 5000 })
  }
})

test('a token that is newer than the cached user is let in at once', async () => {
  const [one, other] = await twoGateways()
  const someone = await one.aUser('user')
  const call = (token: string) => other.call('GET', '/v1/jobs', { token })
  expect((await call(one.gateway.auth.tokens.issue(someone))).status).toBe(200)
  // Changed behind the gateways' backs, as by one whose message was lost.
  const changed = await one.deps.users.update(someone.id, { role: 'admin' })
  if (changed === null || changed === 'last-admin') throw new Error('The user was not changed.')
  expect((await call(one.gateway.auth.tokens.issue(changed))).status).toBe(200)
})

test('what stands in the cache Redis can take rights away, but give none', async () => {
  const [one, other] = await twoGateways()
  const someone = await one.aUser('user', 'theirs')
  const token = one.gateway.auth.tokens.issue(someone)
  const poison = (user: object) =>
    other.deps.cache.refreshUser(someone.id, () => Promise.resolve({ ...someone, ...user }))
  for (const gift of [
    { role: 'admin' },
    { tenant: 'ours' },
    { tokenVersion: 0, role: 'admin' },
    { username: 'root' },
  ]) {
    await poison(gift)
    expect((await other.call('GET', '/v1/users', { token })).status).toBe(403)
  }
  await poison({ disabledAt: new Date() })
  expect((await other.call('GET', '/v1/jobs', { token })).status).toBe(401)
})

test('only who may manage clears the cache, and only by a pattern that can match', async () => {
  const gateway = await openTestGateway()
  for (const role of ['user', 'worker'] as const) {
    const { status } = await gateway.call('DELETE', '/v1/cache?pattern=*', {
      token: await gateway.tokenOf(role),
    })
    expect(status).toBe(403)
  }
  const token = await gateway.tokenOf('admin')
  for (const query of [
    '',
    '?pattern=',
    '?pattern=tasks_*',
    '?pattern=task_%5Ba%5D',
    '?pattern=*%3F',
    '?pattern=task_a%0A',
    '?pattern=task_*&all=1',
    `?pattern=task_${'a'.repeat(200)}`,
  ]) {
    const { status, body } = await gateway.call('DELETE', `/v1/cache${query}`, { token })
    expect({ query, status, path: body.errors?.[0]?.path }).toEqual({
      query,
      status: 400,
      path: query.includes('all=1') ? 'all' : 'pattern',
    })
  }
})
