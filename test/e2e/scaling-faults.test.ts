import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from '@jest/globals'
import { cleanUp } from '../support/clean-up.ts'
import { type PlatformProcess, startPlatform } from '../support/platform.ts'
import { openSwitchingProxy } from '../support/switching-proxy.ts'
import { connected } from '../support/template-database.ts'
import { processesOf, stillAlive } from '../support/up.ts'
import { waitFor } from '../support/wait-for.ts'

const preload = pathToFileURL(join(import.meta.dirname, '../faults/preload/preload.ts')).href
/** What puts the clock of a process wrong, and of those that it starts. */
const skewedBy = (ms: number) => ({
  NODE_OPTIONS: `--import ${preload}`,
  NOODLE_CLOCK_SKEW_MS: String(ms),
})

/** A platform whose tier small is scaled by the process driver; its first ops process leads. */
async function aScaledPlatform(small: Record<string, unknown>) {
  const home = mkdtempSync(join(tmpdir(), 'noodle-scaling-'))
  cleanUp(() => rmSync(home, { recursive: true, force: true }))
  const platform = await startPlatform({
    ...{ NOODLE_HOME: home, SCALING_DRIVER: 'process', LOG_LEVEL: 'info', CONCURRENCY: '2' },
    SCALING_POLICIES: JSON.stringify({
      default: { min: 0, max: 0 },
      small: { min: 0, max: 6, cooldownSeconds: 0, ...small },
    }),
  })
  const token = await platform.token()
  const read = async (path: string) => (await platform.call('GET', path, { token })).body
  const replicas = async (): Promise<{
    ready: number
    starting: number
    draining: number
    desired: number
  }> => (await read('/v1/tiers/small')).replicas
  const jobs: string[] = []
  return {
    platform,
    replicas,
    read,
    /** Nodes, whether registered or not. */
    workers: () => processesOf(home).filter(({ command }) => command.includes('workers/main.ts')),
    async patch(policy: Record<string, unknown>) {
      const { status } = await platform.call('PATCH', '/v1/tiers/small/scaling', { token, body: policy })
      expect(status).toBe(200)
    },
    async untilReady(nodes: number) {
      const what = `${String(nodes)} ready nodes`
      await waitFor(async () => (await replicas()).ready === nodes, { timeoutMs: 40_000, what })
    },
    async submit(ms: number) {
      const body = { task: 'sleep', payload: { ms }, requirement: 'light' }
      const { body: job } = await platform.call('POST', '/v1/jobs', { token, body })
      jobs.push(job.id)
      return async (): Promise<string> => (await read(`/v1/jobs/${job.id}`)).state
    },
    /** All that were submitted, each at its first attempt. */
    async untilJobsSucceeded() {
      for (const id of jobs) {
        const job = await waitFor(
          async () => {
            const one = await read(`/v1/jobs/${id}`)
            return one.state === 'succeeded' && one
          },
          { timeoutMs: 30_000, what: `job ${id} to succeed` },
        )
        expect(job.attempt).toBe(1)
      }
    },
  }
}

const untilLeads = (ops: PlatformProcess) =>
  waitFor(() => ops.output().includes('this process leads'), { timeoutMs: 30_000, what: 'the lead' })
const leadIsOver = (databaseUrl: string) =>
  connected(databaseUrl, async (client) => {
    const { rows } = await client.query('SELECT FROM leader WHERE held_until < now()')
    return rows.length === 1
  })
const asked = (ops: PlatformProcess): number => ops.output().split('a node was asked for').length - 1

test('a leader that is killed while it scales out, or in, leaves nothing half done to the next', async () => {
  const { platform, replicas, workers, patch, untilReady, submit, untilJobsSucceeded } =
    await aScaledPlatform({ mode: 'manual', replicas: 0 })
  await untilLeads(platform.ops)
  const second = platform.startOps({})
  await patch({ replicas: 3 })
  const first = await waitFor(() => (workers().length > 0 ? workers() : null), { everyMs: 5 })
  await platform.ops.stop('SIGKILL')
  await untilLeads(second)
  await untilReady(3)
  await waitFor(() => stillAlive(first).length === 0)
  expect([workers().length, asked(second)]).toEqual([3, 3])

  const third = platform.startOps({})
  const state = await submit(3000)
  await waitFor(async () => (await state()) === 'running')
  const leaving = workers()
  await patch({ replicas: 0 })
  await waitFor(async () => (await replicas()).draining > 0)
  await second.stop('SIGKILL')
  await untilLeads(third)
  await untilJobsSucceeded()
  await waitFor(() => stillAlive(leaving).length === 0)
  await waitFor(async () => Object.values(await replicas()).every((nodes) => nodes === 0))
  expect([workers().length, asked(third)]).toEqual([0, 0])
}, 120_000)

test('wrong clocks of ops and of workers neither end a tier nor make it grow', async () => {
  const { platform, replicas, patch, read, untilReady, submit, untilJobsSucceeded } = await aScaledPlatform(
    {},
  )
  const override = (nodes: number, seconds: number) =>
    patch({ override: { replicas: nodes, until: new Date(Date.now() + seconds * 1000).toISOString() } })
  await override(2, 600)
  await untilReady(2)
  let leader = platform.ops
  const desired = new Set<number>()
  // An hour ahead the override would be over, and the tier empty.
  for (const [skewMs, nodes] of [
    [3_600_000, 3],
    [-300_000, 1],
  ] as const) {
    const next = platform.startOps(skewedBy(skewMs))
    await waitFor(() => next.output().includes('configuration'), { timeoutMs: 30_000 })
    await leader.stop()
    await untilLeads(next)
    desired.clear()
    desired.add((await replicas()).desired)
    await override(nodes, 600)
    for (let n = 0; n < 4; n++) await submit(100)
    await waitFor(
      async () => {
        desired.add((await replicas()).desired)
        return (await replicas()).ready === nodes && (await replicas()).draining === 0
      },
      { timeoutMs: 40_000, what: `${String(nodes)} ready nodes` },
    )
    await untilJobsSucceeded()
    leader = next
  }
  expect([...desired]).toEqual([3, 1])
  // By its own clock the leader would keep it for five minutes more.
  await override(1, 1)
  await patch({ mode: 'manual', replicas: 0 })
  await waitFor(async () => (await replicas()).desired === 0)
  const { decisions } = await read('/v1/tiers/small/scaling')
  expect(decisions.map(({ to }: { to: number }) => to).slice(0, 3)).toEqual([0, 1, 3])
}, 120_000)

test('while ops can not reach Postgres its nodes stay and work; without Redis scaling goes on', async () => {
  const { platform, workers, patch, untilReady, submit, untilJobsSucceeded } = await aScaledPlatform({
    mode: 'manual',
    replicas: 2,
  })
  const outages = await Promise.all(
    (['DATABASE_URL', 'REDIS_URL'] as const).map(async (name) => {
      const url = new URL(platform.env[name] ?? '')
      const address = url.host
      const proxy = await openSwitchingProxy(address)
      url.host = proxy.address
      return { name, url: url.href, begin: () => proxy.cut(), end: () => proxy.leadTo(address) }
    }),
  )
  const [postgres, redis] = outages
  if (!postgres || !redis) throw new Error('There are two stores.')
  await platform.ops.stop()
  const ops = platform.startOps(Object.fromEntries(outages.map(({ name, url }) => [name, url])))
  await untilReady(2)
  const state = await submit(5000)
  await waitFor(async () => (await state()) === 'running')
  const before = workers()

  postgres.begin()
  await patch({ replicas: 0 })
  // The lead has run out meanwhile, and nobody has it.
  await waitFor(() => leadIsOver(platform.env['DATABASE_URL'] ?? ''))
  expect(stillAlive(before)).toHaveLength(2)
  await patch({ replicas: 3 })
  postgres.end()
  await untilReady(3)
  expect([stillAlive(before).length, workers().length, asked(ops)]).toEqual([2, 3, 3])
  await untilJobsSucceeded()

  redis.begin()
  await patch({ replicas: 4 })
  await untilReady(4)
  await submit(100)
  await untilJobsSucceeded()
}, 120_000)
