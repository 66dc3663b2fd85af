import { expect, test } from '@jest/globals'
import { silentLogger } from '../../../core/logger.ts'
import { acceptJobs } from '../../../queue/store/jobs/accept.ts'
import { claimJobs } from '../../../queue/store/jobs/claim.ts'
import { finishJobs } from '../../../queue/store/jobs/finish.ts'
import { openPostgres } from '../../../queue/store/postgres.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { connected } from '../../support/template-database.ts'
import { aJob, alice, aNode, openTestQueue } from '../../support/test-queue.ts'

/** Postgres makes plans for so many executions before it compares them with one for all (plancache.c). */
const triedPlans = 5

test("what a job's way asks of Postgres is planned once a connection, however many jobs go together", async () => {
  const { deps, databaseUrl } = await openTestQueue()
  const bootId = await aNode(deps)
  const postgres = openPostgres({
    ...{ databaseUrl, poolSize: 1, statementTimeoutMs: 5000, name: 'test', log: silentLogger },
  })
  cleanUp(() => postgres.close())
  const lane = { openTiers: new Map([['small', 3000]]), deliveryIds: new Map<string, string>() }

  const newJobs = (count: number) =>
    Array.from({ length: count }, () => ({
      ...{ id: deps.newId(), tenant: alice.tenant, userId: alice.userId, spec: aJob(), idempotency: null },
    }))
  // Among few jobs one plan costs as much as another.
  await deps.jobs.accept(newJobs(4000))
  await connected(databaseUrl, async (client) => {
    await client.query("UPDATE jobs SET state = CASE WHEN random() < 0.4 THEN 'queued' ELSE 'cancelled' END")
    await client.query('VACUUM ANALYZE')
  })

  for (const size of [1, 1, 2, 1, 3, 1, 1, 40, 2, 1, 7, 1, 1, 60, 1]) {
    const jobs = newJobs(size)
    await acceptJobs(postgres, jobs, lane)
    const claims = jobs.map(({ id }) => ({ bootId, id, isAlone: false }))
    const claimed = (await claimJobs(postgres, claims, 2)).filter((job) => job !== null)
    const ends = await finishJobs(
      postgres,
      claimed.map(({ id, fence, payload }) => ({
        ...{ bootId, finish: { id, fence, usage: null, outcome: 'succeeded', result: payload } },
      })),
    )
    expect(ends).toEqual(jobs.map(() => 'succeeded'))
  }

  const plans = await postgres.query<{ name: string; custom_plans: number; generic_plans: number }>(
    'SELECT name, custom_plans, generic_plans FROM pg_prepared_statements ORDER BY name',
  )
  expect(plans).toEqual(
    ['accept-jobs-on-lane', 'claim-jobs', 'finish-jobs'].map((name) => ({
      ...{ name, custom_plans: triedPlans, generic_plans: 15 - triedPlans },
    })),
  )
})
