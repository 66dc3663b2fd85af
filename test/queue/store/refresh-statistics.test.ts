import { expect, test } from '@jest/globals'
import { connected } from '../../support/template-database.ts'
import { openTestQueue, submit } from '../../support/test-queue.ts'

test('a table of jobs that has outgrown what the planner knows is looked at anew, once', async () => {
  const { deps, databaseUrl } = await openTestQueue()
  await connected(databaseUrl, (client) => client.query('ANALYZE jobs'))
  await submit(deps)
  expect(await deps.jobs.refreshStatistics()).toBe(false)

  const payload = 'x'.repeat(1200) // about five jobs a page
  await Promise.all(Array.from({ length: 120 }, () => submit(deps, { payload })))
  expect(await deps.jobs.refreshStatistics()).toBe(true)
  expect(await deps.jobs.refreshStatistics()).toBe(false)
  const { rows } = await connected(databaseUrl, (client) =>
    client.query<{ jobs: number }>(
      "SELECT reltuples::integer AS jobs FROM pg_class WHERE oid = 'jobs'::regclass",
    ),
  )
  expect(rows).toEqual([{ jobs: 121 }])
})
