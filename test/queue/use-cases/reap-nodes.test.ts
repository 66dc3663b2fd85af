import { expect, test } from '@jest/globals'
import pg from 'pg'
import { readConfig } from '../../../core/config.ts'
import { silentLogger } from '../../../core/logger.ts'
import { makeMetrics } from '../../../core/metrics.ts'
import { openQueue, queueOptions } from '../../../queue/open-queue.ts'
import { migrate } from '../../../queue/store/migrate.ts'
import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'
import { cancelJob } from '../../../queue/use-cases/cancel-job.ts'
import { finishJob } from '../../../queue/use-cases/finish-job.ts'
import { reapNodes } from '../../../queue/use-cases/reap-nodes.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { ownPostgres } from '../../support/own-servers.ts'
import { connected } from '../../support/template-database.ts'
import { aNode, aRunningJob, alice, openTestQueue, stateOf } from '../../support/test-queue.ts'
import { testRedis } from '../../support/test-redis.ts'
import { waitFor } from '../../support/wait-for.ts'

/** A reaper that has been at work for long, so that it holds nothing back. */
async function openReaper(settings: Partial<QueueDeps['settings']> = {}) {
  const opened = await openTestQueue({ leaseMs: 60_000, leaseGraceMs: 0, ...settings })
  const client = new pg.Client(opened.databaseUrl)
  await client.connect()
  cleanUp(() => client.end())
  const settle = () =>
    client.query(
      "UPDATE platform SET reaper_seen_at = now(), reaper_held_until = now() - interval '1 second'",
    )
  const runOut = (bootId: string) =>
    client.query("UPDATE nodes SET lease_expires_at = now() - interval '1 second' WHERE boot_id = $1", [
      bootId,
    ])
  await settle()
  return { ...opened, settle, runOut, client }
}

test("a dead node's jobs go back with the next attempt under a higher fence, and the dead boot can neither renew nor finish", async () => {
  const { deps, runOut } = await openReaper()
  const [dead, alive] = [await aNode(deps), await aNode(deps)]
  const [lost, safe] = [await aRunningJob(deps, dead), await aRunningJob(deps, alive)]
  await runOut(dead)
  await reapNodes(deps)
  expect(await deps.jobs.find(lost.id, null)).toMatchObject({ state: 'pending', crashes: 1, failures: 0 })
  expect(await stateOf(deps, safe.id)).toBe('running')
  expect(await deps.nodes.renew(dead, 60_000)).toBeNull()
  expect(
    await finishJob(deps, dead, lost, { kind: 'succeeded', result: null, usage: { wallMs: 1 } }),
  ).toBeNull()
})

test('a job under which nodes die again and again fails as WORKER_LOST', async () => {
  const { deps, runOut } = await openReaper({ crashLimit: 1 })
  const dead = await aNode(deps)
  const job = await aRunningJob(deps, dead)
  await runOut(dead)
  await reapNodes(deps)
  expect(await deps.jobs.find(job.id, null)).toMatchObject({
    state: 'failed',
    error: { code: 'WORKER_LOST' },
  })
})

test('a job that was to be cancelled when its node died is cancelled', async () => {
  const { deps, runOut } = await openReaper()
  const dead = await aNode(deps)
  const job = await aRunningJob(deps, dead)
  await cancelJob(deps, alice, job.id)
  await runOut(dead)
  await reapNodes(deps)
  expect(await stateOf(deps, job.id)).toBe('cancelled')
})

test('a job whose boot has no node row at all is taken back too', async () => {
  const { deps, client } = await openReaper()
  const bootId = await aNode(deps)
  const job = await aRunningJob(deps, bootId)
  await client.query('DELETE FROM nodes')
  await reapNodes(deps)
  expect(await stateOf(deps, job.id)).toBe('pending')
})

/** A node that renewed a second before a gap, and tries again a second after it, can bridge one of a second. */
const gapSettings = { leaseMs: 3000, leaseGraceMs: 0 }

test.each([
  ['nobody is known to have reaped', 'NULL', 0],
  ['nobody reaped for longer than a node can bridge', "now() - interval '1100 milliseconds'", 0],
  ['this reaper could not reach Postgres for so long', 'now()', 1100],
])(
  'when %s, nodes get a lease and the grace to renew before any is given up',
  async (_gap, seenAt, sinceLastMs) => {
    const { deps, runOut, client } = await openReaper(gapSettings)
    const bootId = await aNode(deps)
    const job = await aRunningJob(deps, bootId)
    await runOut(bootId)
    await client.query(`UPDATE platform SET reaper_seen_at = ${seenAt}`)
    await reapNodes(deps, sinceLastMs)
    await reapNodes(deps)
    expect(await stateOf(deps, job.id)).toBe('running')
    expect(await deps.nodes.renew(bootId, 60_000)).toMatchObject({ state: 'ready', held: [{ id: job.id }] })
  },
)

test('a pause that every node can bridge is no gap', async () => {
  const { deps, runOut, client } = await openReaper()
  const bootId = await aNode(deps)
  const job = await aRunningJob(deps, bootId)
  await runOut(bootId)
  await client.query("UPDATE platform SET reaper_seen_at = now() - interval '900 milliseconds'")
  await reapNodes(deps, 900)
  expect(await stateOf(deps, job.id)).toBe('pending')
})

test('after a restart of Postgres, however short, nodes get a lease and the grace to renew before any is given up', async () => {
  const server = await ownPostgres()
  await migrate(server.url)
  const config = readConfig(queueOptions, {
    DATABASE_URL: server.url,
    REDIS_URL: await testRedis(),
    LEASE_SECONDS: '600',
  })
  const queue = await openQueue(config, { name: 'test', log: silentLogger, metrics: makeMetrics() })
  cleanUp(() => queue.close())
  const { deps } = queue
  const bootId = await aNode(deps)
  await reapNodes(deps)
  await server.stop()
  await server.start()
  await waitFor(() => queue.pingPostgres())
  await connected(server.url, (client) =>
    client.query(
      "UPDATE platform SET reaper_held_until = now() - interval '1 second'; UPDATE nodes SET lease_expires_at = now() - interval '1 hour'",
    ),
  )
  await reapNodes(deps)
  await reapNodes(deps)
  expect(await deps.nodes.renew(bootId, 60_000)).toMatchObject({ state: 'ready' })
})

test('a node id that is live can not be taken; once its lease ran out it can', async () => {
  const { deps, runOut } = await openReaper()
  const first = await aNode(deps, 'gpu-1')
  await expect(aNode(deps, 'gpu-1')).rejects.toThrow('live already')
  await runOut(first)
  await aNode(deps, 'gpu-1')
  expect(await deps.nodes.renew(first, 60_000)).toBeNull()
})
