import { expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import { type Fields, silentLogger } from '../../../core/logger.ts'
import { makeStoreChecks } from '../../../queue/use-cases/check-stores.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { openTestGateway } from '../../support/gateway.ts'
import { ownRedis } from '../../support/own-servers.ts'
import { connected } from '../../support/template-database.ts'
import { openTestQueue } from '../../support/test-queue.ts'
import { waitFor } from '../../support/wait-for.ts'

async function openChecks() {
  const redis = await ownRedis()
  const { deps, databaseUrl } = await openTestQueue({}, { redisUrl: redis.url })
  const lines: string[] = []
  const write = (severity: string) => (_message: string, fields?: Fields) =>
    void lines.push(`${severity} ${String(fields?.['check'])}`)
  const client = new Redis(redis.url, { lazyConnect: true }) // not where Redis goes away: ioredis then keeps a timer after its end
  client.on('error', () => undefined)
  cleanUp(() => client.disconnect())
  return {
    deps,
    redis,
    client,
    database: new URL(databaseUrl).pathname.slice(1),
    sql: (statement: string) => connected(databaseUrl, (postgres) => postgres.query(statement)),
    check: makeStoreChecks({ ...deps, log: { ...silentLogger, warn: write('warn'), info: write('info') } }),
    /** Lines since it was last asked. */
    said: () => lines.splice(0),
    async values(): Promise<Record<string, number>> {
      const { values } = await deps.metrics.storeCheck.get()
      return Object.fromEntries(values.map(({ labels, value }) => [labels.check, value]))
    },
  }
}

test('each check has its metric, and is logged when it turns bad and when it turns good again', async () => {
  const { check, client, said, values } = await openChecks()
  await check()
  expect(await values()).toEqual({
    postgres_reachable: 1,
    postgres_fsync: 0, // the Postgres of tests
    postgres_synchronous_commit: 1,
    postgres_primary: 1,
    postgres_epoch: 1,
    redis_reachable: 1,
    redis_noeviction: 1,
    redis_appendonly: 1,
    redis_master: 1,
  })
  expect(said()).toEqual(['warn postgres_fsync'])

  await client.config('SET', 'maxmemory-policy', 'allkeys-lru')
  await client.config('SET', 'appendonly', 'no')
  await client.replicaof('127.0.0.1', 9)
  await check()
  await check()
  expect(said()).toEqual(['warn redis_noeviction', 'warn redis_appendonly', 'warn redis_master'])
  expect(await values()).toMatchObject({ redis_noeviction: 0, redis_appendonly: 0, redis_master: 0 })

  await client.replicaof('NO', 'ONE')
  await client.config('SET', 'maxmemory-policy', 'noeviction')
  await client.config('SET', 'appendonly', 'yes')
  await check()
  expect(said()).toEqual(['info redis_noeviction', 'info redis_appendonly', 'info redis_master'])
})

test('synchronous_commit off is found where the platform would have it', async () => {
  const { deps, check, database, sql, values } = await openChecks()
  cleanUp(() => sql(`ALTER DATABASE ${database} RESET synchronous_commit`))
  await sql(`ALTER DATABASE ${database} SET synchronous_commit = off`)
  await check()
  expect(await values()).toMatchObject({ postgres_synchronous_commit: 0 })
  expect(await deps.platform.findStoreTroubles(60_000)).toEqual([])
})

test('while Redis is away nothing else is said about it', async () => {
  const { check, redis, said, values } = await openChecks()
  await check()
  said()
  await redis.stop()
  await check()
  expect(said()).toEqual(['warn redis_reachable'])
  expect(Object.keys(await values()).filter((name) => name.startsWith('redis'))).toEqual(['redis_reachable'])
  await redis.start()
  await check()
  expect(said()).toEqual(['info redis_reachable'])
})

test('an epoch lower than the last one seen tells of an older state, and is raised past that one', async () => {
  const { check, sql, said } = await openChecks()
  await sql('UPDATE platform SET epoch = 4')
  await check()
  said()
  await sql('UPDATE platform SET epoch = 2')
  await check()
  expect(said()).toEqual(['warn postgres_epoch'])
  expect((await sql('SELECT epoch FROM platform')).rows).toEqual([{ epoch: 5 }])
  await check()
  expect(said()).toEqual(['info postgres_epoch'])
})

test('a Redis that may evict makes the gateway degraded, not unavailable, as long as ops sees it', async () => {
  const { deps, check, client, sql } = await openChecks()
  const gateway = await openTestGateway()
  await client.config('SET', 'maxmemory-policy', 'allkeys-lru')
  await check()
  expect(await deps.platform.findStoreTroubles(60_000)).toEqual([
    'Redis may evict: set its maxmemory-policy to noeviction.',
  ])
  const ready = await gateway.call('GET', '/ready')
  expect(ready).toMatchObject({ status: 200, body: { status: 'degraded' } })
  expect(ready.body.details).toContain('Redis may evict: set its maxmemory-policy to noeviction.')

  await sql("UPDATE platform SET stores_checked_at = now() - interval '2 minutes'")
  await waitFor(async () => !(await gateway.call('GET', '/ready')).body.details.join().includes('evict'))
})
