import { expect, test } from '@jest/globals'
import { v7 as uuidv7 } from 'uuid'
import { balanceLedger, type LedgerGap } from '../../../queue/use-cases/balance-ledger.ts'
import { cancelJob } from '../../../queue/use-cases/cancel-job.ts'
import { finishJob } from '../../../queue/use-cases/finish-job.ts'
import { pruneJobs } from '../../../queue/use-cases/prune-jobs.ts'
import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'
import { claimJob } from '../../../queue/use-cases/claim-job.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { connected } from '../../support/template-database.ts'
import {
  aJob,
  aNode,
  alice,
  aRunningJob,
  dispatchJobs,
  openTestQueue,
  submit,
} from '../../support/test-queue.ts'
import { waitFor } from '../../support/wait-for.ts'

/** Counts also what came just now, and what was counted just now. */
const atOnce = { settleMs: -60_000, restMs: 0 }
const nothing = { missing: 0, surplus: 0, undelivered: 0, examples: [] }

const succeeded = { kind: 'succeeded', result: null, usage: { wallMs: 1 } } as const

async function openLedger() {
  const opened = await openTestQueue()
  const sql = (text: string, values: unknown[] = []) =>
    connected(
      opened.databaseUrl,
      async (client) => (await client.query<Record<string, unknown>>(text, values)).rows,
    )
  return { ...opened, sql, balance: () => balanceLedger(opened.deps, atOnce) }
}

/** A job that ended. */
async function anEndedJob(deps: QueueDeps): Promise<string> {
  const bootId = await aNode(deps)
  const job = await aRunningJob(deps, bootId)
  await finishJob(deps, bootId, job, succeeded)
  return job.id
}

test('jobs in every state add up, and what has ended is counted once and for all', async () => {
  const { deps, sql, balance } = await openLedger()
  const bootId = await aNode(deps)
  const running = await aRunningJob(deps, bootId)
  await anEndedJob(deps)
  const cancelled = await submit(deps)
  await cancelJob(deps, alice, cancelled)
  await submit(deps, { delayMs: 60_000 })
  await submit(deps)
  await dispatchJobs(deps)
  expect(await balance()).toEqual(nothing)
  expect(await sql('SELECT FROM ledger_ranges')).toHaveLength(1)

  await finishJob(deps, bootId, running, succeeded)
  for (const { id } of await sql("SELECT id FROM jobs WHERE state IN ('pending', 'queued')"))
    await cancelJob(deps, alice, String(id))
  expect(await balance()).toEqual(nothing)
  expect(await sql('SELECT FROM ledger_ranges')).toEqual([])
})

test('a row that vanished is missing until it is back, also when it was live as it was counted first', async () => {
  const { deps, sql, balance } = await openLedger()
  const id = await submit(deps, { delayMs: 60_000 })
  expect(await balance()).toEqual(nothing)
  await sql('CREATE TABLE aside AS SELECT * FROM jobs')
  cleanUp(() => sql('DROP TABLE aside'))
  await sql('DELETE FROM jobs')
  for (const _again of [1, 2]) expect(await balance()).toEqual({ ...nothing, missing: 1, examples: [id] })
  await sql('INSERT INTO jobs TABLE aside')
  expect(await balance()).toEqual(nothing)
})

test('a row that ended without an event is missing; one that ended twice, or lives on, or was never accepted is a surplus', async () => {
  const { deps, sql, balance } = await openLedger()
  const [silent, twice, undead, unborn] = [
    await anEndedJob(deps),
    await anEndedJob(deps),
    await anEndedJob(deps),
    await submit(deps, { delayMs: 60_000 }),
  ]
  await sql("DELETE FROM job_events WHERE job_id = $1 AND state = 'succeeded'", [silent])
  await sql("INSERT INTO job_events (job_id, seq, state) VALUES ($1, 9, 'failed')", [twice])
  await sql("UPDATE jobs SET state = 'pending', ready = false WHERE id = $1", [undead])
  await sql('DELETE FROM job_events WHERE job_id = $1', [unborn])
  await submit(deps) // what comes after it, so that the stretch reaches over it
  const { examples, ...gap } = await balance()
  expect(gap).toEqual({ missing: 1, surplus: 3, undelivered: 0 })
  expect(new Set(examples)).toEqual(new Set([silent, twice, undead, unborn]))
})

test('ended jobs that are pruned with their events leave no gap, wherever their stretch is', async () => {
  const { deps, sql, balance } = await openLedger()
  const old = (n: number) => `016f5e66-e800-7000-8000-00000000000${String(n)}` // of 2020
  await deps.jobs.accept(
    [0, 1, 2].map((n) => ({
      id: old(n),
      tenant: alice.tenant,
      userId: alice.userId,
      spec: aJob({ delayMs: 60_000 }),
      idempotency: null,
    })),
  )
  await cancelJob(deps, alice, old(0))
  await cancelJob(deps, alice, old(1))
  await sql("UPDATE jobs SET finished_at = now() - interval '99 days' WHERE id = $1", [old(0)])
  expect(await balance()).toEqual(nothing)
  await pruneJobs(deps)
  expect(await sql('SELECT FROM jobs')).toHaveLength(2)
  expect(await balance()).toEqual(nothing)
})

test('it adds up at every moment while jobs are submitted, dispatched, claimed, retried, cancelled and finished', async () => {
  const { deps, balance } = await openLedger()
  const bootId = await aNode(deps)
  let isOver = false
  const drive = async (): Promise<void> => {
    while (!isOver) {
      const ids = await Promise.all([submit(deps), submit(deps), submit(deps)])
      await dispatchJobs(deps)
      await cancelJob(deps, alice, ids[0])
      const job = await claimJob(deps, bootId, { id: ids[1], seq: 1 })
      if (job) await finishJob(deps, bootId, job, succeeded)
    }
  }
  const driven = Promise.all([drive(), drive()])
  const gaps: LedgerGap[] = []
  const watch = async (): Promise<void> => {
    while (gaps.length < 30) gaps.push(await balance())
  }
  await watch().finally(() => (isOver = true))
  await driven
  expect(gaps).toEqual(gaps.map(() => nothing))
  expect((await deps.ledger.countAll())?.accepted).toBeGreaterThan(50)
})

test('a large table is counted in stretches by whoever is free, each job in one of them', async () => {
  const { deps, sql } = await openLedger()
  await Promise.all(Array.from({ length: 25 }, () => submit(deps)))
  let counted = 0
  for (let jobs = 10; jobs > 0; counted += jobs) {
    const both = await Promise.all([1, 2].map(() => deps.ledger.countNext({ limit: 10, settleMs: -60_000 })))
    jobs = both.reduce((sum, one) => sum + one)
  }
  expect(counted).toBe(25)
  expect(await sql('SELECT FROM ledger_ranges')).toHaveLength(3)
  await sql('DELETE FROM jobs')
  expect(await deps.ledger.recount({ limit: 100, restMs: 60_000 })).toBe(0) // all were counted just now
  expect(await deps.ledger.recount({ limit: 11, restMs: 0 })).toBe(20)
  expect(await deps.ledger.recount({ limit: 1, restMs: 0 })).toBe(5) // the one whose turn it is
  await Promise.all([1, 2, 3].map(() => deps.ledger.recount({ limit: 100, restMs: 0 })))
  expect(await deps.ledger.readGap()).toMatchObject({ missing: 25 })
})

test('what is younger than stragglers may be is not counted yet', async () => {
  const { deps } = await openLedger()
  await submit(deps)
  expect(await deps.ledger.countNext({ limit: 10, settleMs: 60_000 })).toBe(0)
  await waitFor(async () => (await deps.ledger.countNext({ limit: 10, settleMs: 50 })) === 1)
})

test('a queued job whose entry is gone from BullMQ, or does not name it, is undelivered', async () => {
  const { deps, balance } = await openLedger()
  const [gone, unnamed, held] = [await submit(deps), await submit(deps), await submit(deps)]
  await dispatchJobs(deps)
  expect(await balance()).toEqual(nothing)
  const deliveries = await deps.deliveries.queueOf('small').getJobs(['prioritized'])
  const carrying = (id: string) => deliveries.find(({ data }) => data.jobs.some((job) => job.id === id))
  await carrying(gone)?.remove()
  const other = carrying(unnamed)
  await other?.updateData({ ...other.data, jobs: [{ id: uuidv7(), seq: 1 }] })
  const { examples, ...gap } = await balance()
  expect(gap).toEqual({ missing: 0, surplus: 0, undelivered: 2 })
  expect(examples).not.toContain(held)
})

test('a delivery that is still on its way, and a job that starts as its delivery ends, make no gap', async () => {
  const { deps, balance } = await openLedger()
  const bootId = await aNode(deps)
  const [late, started] = [await submit(deps), await submit(deps)]
  let sendLate = (): Promise<void> => Promise.resolve()
  await dispatchJobs({
    ...deps,
    deliveries: {
      ...deps.deliveries,
      send(tier, jobs) {
        sendLate = () =>
          deps.deliveries.send(
            tier,
            jobs.filter(({ id }) => id === late),
          )
        return Promise.resolve()
      },
    },
  })
  expect(await balance()).toMatchObject({ undelivered: 2 })
  const gap = await balanceLedger(
    {
      ...deps,
      deliveries: {
        ...deps.deliveries,
        async findHeldJobs(tier, deliveryIds) {
          const held = await deps.deliveries.findHeldJobs(tier, deliveryIds)
          await sendLate()
          await claimJob(deps, bootId, { id: started, seq: 1 })
          return held
        },
      },
    },
    atOnce,
  )
  expect(gap).toEqual(nothing)
})
