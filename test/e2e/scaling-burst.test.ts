import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { cleanUp } from '../support/clean-up.ts'
import { startPlatform } from '../support/platform.ts'
import { connected } from '../support/template-database.ts'
import { waitFor } from '../support/wait-for.ts'

interface TierView {
  replicas: { ready: number }
  pending: number
  queued: number
  running: number
}

/** How large the burst is. A large one, by hand, must also keep its target wait. */
const jobs = Number(process.env['BURST_JOBS'] ?? 200)
const isLarge = jobs >= 2000
const bounds = isLarge ? { min: 2, max: 6, targetWaitMs: 10_000 } : { min: 1, max: 3, targetWaitMs: 1000 }
const slots = Number(process.env['BURST_SLOTS'] ?? 5)

test('a burst brings nodes, they go again when it is over, and no job is interrupted', async () => {
  const home = mkdtempSync(join(tmpdir(), 'noodle-scaling-'))
  cleanUp(() => rmSync(home, { recursive: true, force: true }))
  const platform = await startPlatform({
    NOODLE_HOME: home,
    SCALING_DRIVER: 'process',
    SCALING_POLICIES: JSON.stringify({
      default: { min: 0, max: 0 },
      small: { ...bounds, cooldownSeconds: 1 },
    }),
    CONCURRENCY: String(slots),
    LOG_LEVEL: 'info',
  })
  const token = await platform.token()
  const small = async () => (await platform.call('GET', '/v1/tiers/small', { token })).body
  const log = () => platform.ops.output().slice(-5000)
  await waitFor(async () => (await small()).replicas.ready === bounds.min, {
    timeoutMs: 30_000,
    what: `a first node\n${log()}`,
  })

  const job = { task: 'sleep', payload: { ms: 200 } }
  const batch = { jobs: Array.from({ length: jobs }, () => job) }
  expect((await platform.call('POST', '/v1/jobs/batch', { token, body: batch })).body.accepted).toBe(jobs)
  let most = 0
  await waitFor(
    async () => {
      const { replicas, pending, queued, running } = (await small()) as TierView
      most = Math.max(most, replicas.ready)
      return pending + queued + running === 0
    },
    { timeoutMs: 120_000, everyMs: 200, what: `all jobs to end\n${log()}` },
  )
  // What the policy has learnt of this burst makes it keep nodes for minutes, which a test has not.
  const policy = { mode: 'queueDepth', jobsPerNode: slots }
  await platform.call('PATCH', '/v1/tiers/small/scaling', { token, body: policy })
  await waitFor(
    async () => (await small()).replicas.ready === bounds.min && (await small()).replicas.draining === 0,
    {
      timeoutMs: 60_000,
      everyMs: 200,
      what: `the nodes to go again\n${log()}`,
    },
  )
  expect(most).toBeGreaterThan(bounds.min)
  const ended = await connected(platform.env['DATABASE_URL'] ?? '', async (client) => {
    const { rows } = await client.query<{ state: string; attempt: number; jobs: number }>(
      "SELECT state, attempt, count(*)::integer AS jobs FROM jobs WHERE task = 'sleep' GROUP BY state, attempt",
    )
    return rows
  })
  expect(ended).toEqual([{ state: 'succeeded', attempt: 1, jobs }])
  if (isLarge) expect(await waitOf95(platform.env['DATABASE_URL'] ?? '')).toBeLessThan(bounds.targetWaitMs)
  const { decisions } = (await platform.call('GET', '/v1/tiers/small/scaling', { token })).body
  expect(decisions.length).toBeGreaterThanOrEqual(3)
  for (const { reason } of decisions) expect(reason).toMatch(/\w/)
}, 240_000)

/** How long 95 of 100 jobs waited at most, in ms. */
const waitOf95 = (databaseUrl: string): Promise<number> =>
  connected(databaseUrl, async (client) => {
    const { rows } = await client.query<{ ms: number }>(
      "SELECT 1000 * percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - due_at)) AS ms FROM jobs WHERE task = 'sleep'",
    )
    return rows[0]?.ms ?? Infinity
  })
