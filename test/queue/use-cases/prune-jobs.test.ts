import { expect, test } from '@jest/globals'
import pg from 'pg'
import { cancelJob } from '../../../queue/use-cases/cancel-job.ts'
import { pruneJobs } from '../../../queue/use-cases/prune-jobs.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { connected } from '../../support/template-database.ts'
import { aJob, alice, openTestQueue } from '../../support/test-queue.ts'

test('ended jobs past the retention time go with their events; live ones and younger ones stay, however old their ids', async () => {
  const { deps, databaseUrl } = await openTestQueue({ retentionDays: 30 })
  const client = new pg.Client(databaseUrl)
  await client.connect()
  cleanUp(() => client.end())
  // UUIDv7 of 2020: the ids of jobs that were accepted long ago.
  const ids = ['ended-long-ago', 'ended-lately', 'live'].map(
    (_, i) => `016f5e66-e800-7000-8000-00000000000${String(i)}`,
  )
  await deps.jobs.accept(
    ids.map((id) => ({ id, tenant: alice.tenant, userId: alice.userId, spec: aJob(), idempotency: null })),
  )
  await cancelJob(deps, alice, ids[0] ?? '')
  await cancelJob(deps, alice, ids[1] ?? '')
  await client.query("UPDATE jobs SET finished_at = now() - interval '31 days' WHERE id = $1", [ids[0]])
  await pruneJobs(deps)
  const { rows } = await client.query<{ id: string; events: number }>(
    'SELECT id, (SELECT count(*)::int FROM job_events WHERE job_id = id) AS events FROM unnest($1::uuid[]) AS t(id) WHERE id IN (SELECT id FROM jobs) OR id IN (SELECT job_id FROM job_events) ORDER BY id',
    [ids],
  )
  expect(rows).toEqual([
    { id: ids[1], events: 2 },
    { id: ids[2], events: 1 },
  ])
})

test('logs go before their jobs where LOG_RETENTION_DAYS says so, in rounds; those of live jobs and of jobs that ended since stay', async () => {
  const { deps, databaseUrl } = await openTestQueue({ retentionDays: 30, logRetentionDays: 7 })
  const ids = ['ended-long-ago', 'ended-lately', 'live'].map(
    (_, i) => `016f5e66-e800-7000-8000-00000000000${String(i)}`,
  )
  await deps.jobs.accept(
    ids.map((id) => ({ id, tenant: alice.tenant, userId: alice.userId, spec: aJob(), idempotency: null })),
  )
  await cancelJob(deps, alice, ids[0] ?? '')
  await cancelJob(deps, alice, ids[1] ?? '')
  await connected(databaseUrl, (client) =>
    client.query("UPDATE jobs SET finished_at = now() - interval '8 days' WHERE id = $1", [ids[0]]),
  )
  await deps.keptLogs.insert(
    ids.flatMap((jobId) =>
      [1, 2, 3].map((firstSeq) => ({
        jobId,
        chunk: { attempt: 1, firstSeq, lines: [[0, 0, 'a line'] as [number, number, string]] },
        textBytes: 6,
      })),
    ),
  )
  expect(await deps.keptLogs.prune({ retentionDays: 7, limit: 2 })).toEqual({ chunks: 2, textBytes: 12 })
  await pruneJobs(deps)
  const left = await Promise.all(ids.map((id) => deps.keptLogs.read(id, { attempt: 0, seq: 0 })))
  expect(left.map(({ chunks }) => chunks.length)).toEqual([0, 3, 3])
  expect(await deps.jobs.find(ids[0] ?? '', null)).toMatchObject({ state: 'cancelled' })
})

test('scaling decisions and starts of nodes past the retention time go, younger ones stay', async () => {
  const { deps, databaseUrl } = await openTestQueue({ retentionDays: 30 })
  const decide = (desired: number) =>
    deps.scaling.recordDecision(1, {
      ...{ id: deps.newId(), tier: 'small', mode: 'auto', desired, starting: 0, reason: 'a test' },
      inputs: {},
    })
  await decide(2)
  await deps.scaling.noteStart('small')
  await connected(databaseUrl, async (client) => {
    await client.query("UPDATE scaling_decisions SET at = now() - interval '31 days'")
    await client.query("UPDATE node_starts SET asked_at = now() - interval '31 days'")
    await decide(3)
    await deps.scaling.noteStart('small')
    await pruneJobs(deps)
    expect(await deps.scaling.listDecisions('small', { limit: 10 })).toMatchObject([{ to: 3 }])
    expect((await client.query('SELECT FROM node_starts')).rows).toHaveLength(1)
  })
})
