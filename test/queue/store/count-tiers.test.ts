import { expect, test } from '@jest/globals'
import { connected } from '../../support/template-database.ts'
import { dispatchJobs, openTestQueue, submit } from '../../support/test-queue.ts'

test('a backlog is counted up to a number, and beyond it told as the planner knows it', async () => {
  const { deps, databaseUrl } = await openTestQueue()
  for (let i = 0; i < 30; i++) await submit(deps, { priority: i % 10 })
  await submit(deps, { delayMs: 60_000 })
  const small = async (mostCounted?: number) =>
    (await deps.jobs.countTiers(mostCounted)).find(({ tier }) => tier === 'small')

  expect(await small()).toMatchObject({ pending: 31, queued: 0, running: 0 })
  // Of the lowest priority, behind all that are counted.
  await connected(databaseUrl, async (client) => {
    await client.query("UPDATE jobs SET due_at = due_at - interval '1 hour' WHERE priority = 0 AND ready")
    await client.query('ANALYZE jobs')
  })
  const estimated = await small(10)
  expect(estimated).toMatchObject({ pending: 31, queued: 0 })
  expect(estimated?.oldestWaitMs).toBeGreaterThan(3_600_000)

  await dispatchJobs(deps)
  expect(await small(10)).toMatchObject({ pending: 1, queued: 30 })
})
