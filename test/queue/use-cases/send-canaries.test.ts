import { expect, test } from '@jest/globals'
import { canaryTenant } from '../../../queue/domain/canary.ts'
import { balanceLedger } from '../../../queue/use-cases/balance-ledger.ts'
import { claimJob } from '../../../queue/use-cases/claim-job.ts'
import { finishJob } from '../../../queue/use-cases/finish-job.ts'
import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'
import { sendCanaries } from '../../../queue/use-cases/send-canaries.ts'
import { connected } from '../../support/template-database.ts'
import { aNode, dispatchJobs, openTestQueue, submit } from '../../support/test-queue.ts'

const always = { everyMs: 0, keepMs: 600_000 }

async function openAviary() {
  const opened = await openTestQueue()
  const sql = (text: string, values: unknown[] = []) =>
    connected(
      opened.databaseUrl,
      async (client) => (await client.query<Record<string, unknown>>(text, values)).rows,
    )
  return { ...opened, sql }
}

const canariesOf = (deps: QueueDeps) => deps.jobs.list({ tenant: canaryTenant }, { limit: 100 })

/** Takes the newest canary through. */
async function fly(deps: QueueDeps, bootId: string): Promise<void> {
  await dispatchJobs(deps)
  const [canary] = await canariesOf(deps)
  const job = await claimJob(deps, bootId, { id: canary?.id ?? '', seq: 1 })
  if (!job) throw new Error('The canary could not be claimed.')
  await finishJob(deps, bootId, job, { kind: 'succeeded', result: null, usage: { wallMs: 1 } })
}

test('a tier with ready nodes gets one canary however many processes send them, a tier without nodes none', async () => {
  const { deps } = await openAviary()
  await sendCanaries(deps)
  expect(await canariesOf(deps)).toEqual([])
  await aNode(deps)
  await Promise.all([1, 2, 3, 4].map(() => sendCanaries(deps)))
  expect(await canariesOf(deps)).toMatchObject([
    { tier: 'small', task: 'echo', priority: 9, retry: { maxAttempts: 1 }, expiresAt: expect.any(Date) },
  ])
})

test('no canary is sent while the last one is live, nor before its turn', async () => {
  const { deps } = await openAviary()
  const bootId = await aNode(deps)
  await sendCanaries(deps, always)
  await sendCanaries(deps, always)
  expect(await canariesOf(deps)).toHaveLength(1)
  await fly(deps, bootId)
  await sendCanaries(deps)
  expect(await canariesOf(deps)).toHaveLength(1)
  await sendCanaries(deps, always)
  expect(await canariesOf(deps)).toHaveLength(2)
})

test('a tier is as old as its oldest node at first, then as its last canary that came through', async () => {
  const { deps, sql } = await openAviary()
  const bootId = await aNode(deps)
  expect(await deps.canaries.readHealth()).toMatchObject([{ tier: 'small', hasFreeSlot: true }])
  await sql("UPDATE nodes SET started_at = now() - interval '1 hour'")
  await sendCanaries(deps, always)
  const [before] = await deps.canaries.readHealth()
  expect(before?.ageMs).toBeGreaterThanOrEqual(3_600_000)
  await fly(deps, bootId)
  await sendCanaries(deps)
  const [after] = await deps.canaries.readHealth()
  expect(after?.ageMs).toBeLessThan(60_000)
  // The next one fails to come through: the age goes on from the last that did.
  await sql(
    "UPDATE canaries SET submitted_at = now() - interval '2 minutes', succeeded_at = now() - interval '2 minutes'",
  )
  await sql("UPDATE nodes SET lease_expires_at = now() + interval '1 minute'")
  await sendCanaries(deps, always)
  const [late] = await deps.canaries.readHealth()
  expect(late?.ageMs).toBeGreaterThanOrEqual(120_000)
})

test('what came through counts also when the next canary is sent before anybody noted it', async () => {
  const { deps, sql } = await openAviary()
  const bootId = await aNode(deps)
  await sql("UPDATE nodes SET started_at = now() - interval '1 hour'")
  await sendCanaries(deps, always)
  await fly(deps, bootId)
  const canaries = { ...deps.canaries, noteSuccesses: () => Promise.resolve() }
  await sendCanaries({ ...deps, canaries }, always)
  const [health] = await deps.canaries.readHealth()
  expect(health?.ageMs).toBeLessThan(60_000)
})

test("a tier whose slots are all taken by users' jobs has no free one", async () => {
  const { deps } = await openAviary()
  const bootId = await aNode(deps) // 10 slots
  const ids = await Promise.all(Array.from({ length: 10 }, () => submit(deps)))
  await dispatchJobs(deps)
  for (const id of ids) await claimJob(deps, bootId, { id, seq: 1 })
  expect(await deps.canaries.readHealth()).toMatchObject([{ tier: 'small', hasFreeSlot: false }])
})

test("canaries are in nobody's list and in no count of a tier, wherever they are on their way", async () => {
  const { deps } = await openAviary()
  const bootId = await aNode(deps)
  const seen = async () => ({
    jobs: (await deps.jobs.list({}, { limit: 10 })).length,
    tiers: (await deps.jobs.countTiers()).map(({ pending, queued, running, oldestWaitMs, ...rates }) => ({
      live: pending + queued + running,
      oldestWaitMs,
      ...rates,
    })),
  })
  const nothing = { live: 0, oldestWaitMs: 0, arrivalsPerSecond: 0, finishesPerSecond: 0 }
  await sendCanaries(deps)
  expect(await seen()).toEqual({ jobs: 0, tiers: [{ ...nothing, tier: 'small' }] })
  await dispatchJobs(deps)
  expect((await seen()).tiers).toMatchObject([nothing])
  const [canary] = await canariesOf(deps)
  const job = await claimJob(deps, bootId, { id: canary?.id ?? '', seq: 1 })
  expect((await seen()).tiers).toMatchObject([nothing])
  if (job) await finishJob(deps, bootId, job, { kind: 'succeeded', result: null, usage: { wallMs: 1 } })
  expect(await seen()).toEqual({ jobs: 0, tiers: [] })
  await submit(deps)
  expect(await seen()).toMatchObject({ jobs: 1, tiers: [{ live: 1, arrivalsPerSecond: 1 / 60 }] })
})

test('old canaries go with all that was written about them, and the ledger adds up', async () => {
  const { deps, sql } = await openAviary()
  const bootId = await aNode(deps)
  const kept = await submit(deps)
  await sendCanaries(deps, always)
  await fly(deps, bootId)
  const balance = () => balanceLedger(deps, { settleMs: -60_000, restMs: 0 })
  expect(await balance()).toMatchObject({ missing: 0, surplus: 0 })
  await sendCanaries(deps, { everyMs: 60_000, keepMs: 0 })
  expect(await sql('SELECT id AS kept FROM jobs')).toEqual([{ kept }])
  expect(await sql('SELECT DISTINCT job_id AS kept FROM job_events')).toEqual([{ kept }])
  expect(await sql('SELECT FROM attempts')).toEqual([])
  expect(await balance()).toMatchObject({ missing: 0, surplus: 0 })
})
