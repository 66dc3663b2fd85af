import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { readConfig } from '../../core/config.ts'
import { type Logger, silentLogger } from '../../core/logger.ts'
import { makeMetrics } from '../../core/metrics.ts'
import { openQueue, queueOptions } from '../../queue/open-queue.ts'
import { migrate } from '../../queue/store/migrate.ts'
import { cleanUp } from '../support/clean-up.ts'
import { ownPostgres } from '../support/own-servers.ts'
import { testServers, withDatabase } from '../support/servers.ts'
import { connected } from '../support/template-database.ts'
import { blankDatabase, testDatabase } from '../support/test-database.ts'
import { aNode, aRunningJob, openTestQueue } from '../support/test-queue.ts'
import { testRedis } from '../support/test-redis.ts'
import { waitFor } from '../support/wait-for.ts'

/** Fences of epoch 1 begin here. */
const firstOfEpoch1 = 2 ** 32

/** A process that starts, as far as the epoch is concerned. */
async function startProcess(databaseUrl: string, log: Logger = silentLogger) {
  const config = readConfig(queueOptions, { DATABASE_URL: databaseUrl, REDIS_URL: await testRedis() })
  const queue = await openQueue(config, { name: 'test', log, metrics: makeMetrics() })
  cleanUp(() => queue.close())
  await queue.pingPostgres()
  return queue
}

const run = (url: string, statement: string) =>
  connected(url, async (client) => (await client.query<Record<string, unknown>>(statement)).rows)

async function epochOf(url: string): Promise<unknown> {
  return (await run(url, 'SELECT epoch FROM platform'))[0]?.['epoch']
}

test('the first start records which Postgres it is, and later ones find it again', async () => {
  const url = await testDatabase()
  await startProcess(url)
  await startProcess(url)
  expect(await run(url, 'SELECT epoch, postgres_cluster > 0 AS is_known FROM platform')).toEqual([
    { epoch: 0, is_known: true },
  ])
})

test.each(['postgres_cluster', 'postgres_timeline', 'postgres_database'])(
  'another %s than the recorded one raises the epoch once, however many processes find it, and fences with it',
  async (column) => {
    const { deps, databaseUrl } = await openTestQueue()
    const first = await aRunningJob(deps, await aNode(deps))
    await run(databaseUrl, `UPDATE platform SET ${column} = 7`)
    const processes = await Promise.all([1, 2, 3, 4].map(() => startProcess(databaseUrl)))
    expect(await epochOf(databaseUrl)).toBe(1)
    const [{ deps: after } = { deps }] = processes
    const second = await aRunningJob(after, await aNode(after))
    expect(first.fence).toBe(1)
    expect(second.fence).toBe(firstOfEpoch1 + 1)
  },
)

test('a dump that is restored into another database raises the epoch', async () => {
  const [url, restored] = [await testDatabase(), await blankDatabase()]
  await startProcess(url)
  await migrate(restored)
  const [dump] = await run(
    url,
    'SELECT postgres_cluster::text, postgres_timeline, postgres_database::text FROM platform',
  )
  await run(
    restored,
    `UPDATE platform SET (postgres_cluster, postgres_timeline, postgres_database) = (${Object.values(dump ?? {}).join(', ')})`,
  )
  await startProcess(restored)
  expect(await epochOf(restored)).toBe(1)
})

test('when Postgres comes back on another timeline, running processes raise the epoch as they connect again, and nodes get time to renew', async () => {
  const server = await ownPostgres()
  await migrate(server.url)
  const queue = await startProcess(server.url)
  await run(server.url, 'UPDATE platform SET reaper_seen_at = now()')
  expect(await epochOf(server.url)).toBe(0)

  await server.stop()
  writeFileSync(join(server.data, 'recovery.signal'), '', { mode: 0o644 })
  await server.start({ restore_command: '/bin/false' }) // at the end of its WAL it is promoted
  await waitFor(() => queue.pingPostgres())
  expect(await run(server.url, 'SELECT epoch, postgres_timeline, reaper_seen_at FROM platform')).toEqual([
    { epoch: 1, postgres_timeline: 2, reaper_seen_at: null },
  ])
})

/** The URL of a blank database that an ordinary role owns. */
async function ordinaryOwner(): Promise<{ url: string; adminUrl: string }> {
  const { postgresUrl } = testServers()
  const adminUrl = await blankDatabase()
  const database = new URL(adminUrl).pathname.slice(1)
  const role = `${database}_owner`
  await run(postgresUrl, `CREATE ROLE ${role} LOGIN PASSWORD 'ordinary'`)
  cleanUp(async () => {
    await run(postgresUrl, `ALTER DATABASE ${database} OWNER TO CURRENT_USER`)
    await run(adminUrl, `DROP OWNED BY ${role}`)
    await run(postgresUrl, `DROP ROLE ${role}`)
  })
  await run(postgresUrl, `ALTER DATABASE ${database} OWNER TO ${role}`)
  await run(adminUrl, `ALTER SCHEMA public OWNER TO ${role}`)
  const url = new URL(withDatabase(postgresUrl, database))
  url.username = role
  url.password = 'ordinary'
  return { url: url.href, adminUrl }
}

test('an ordinary role that owns the database may ask which Postgres it is', async () => {
  const { url } = await ordinaryOwner()
  await migrate(url)
  await startProcess(url)
  await run(url, 'UPDATE platform SET postgres_cluster = 7')
  await startProcess(url)
  expect(await epochOf(url)).toBe(1)
})

test('where the role may not ask it is said once, and all goes on', async () => {
  const { url, adminUrl } = await ordinaryOwner()
  await migrate(url)
  await run(adminUrl, 'REVOKE EXECUTE ON FUNCTION pg_control_system() FROM public')
  const warnings: string[] = []
  const log = { ...silentLogger, warn: (message: string) => void warnings.push(message) }
  const { deps } = await startProcess(url, log)
  await Promise.all([1, 2, 3].map(() => deps.jobs.countTiers()))
  expect(warnings).toEqual(['Postgres does not tell which server it is, a failover can not be noticed'])
})
