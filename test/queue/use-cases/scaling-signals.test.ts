import { expect, test } from '@jest/globals'
import { claimJob } from '../../../queue/use-cases/claim-job.ts'
import { finishJob } from '../../../queue/use-cases/finish-job.ts'
import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'
import { makeScalingSignals } from '../../../queue/use-cases/scaling-signals.ts'
import { connected } from '../../support/template-database.ts'
import { aNode, aRunningJob, dispatchJobs, openTestQueue, submit } from '../../support/test-queue.ts'

const small = { name: 'small', targetWaitMs: 5000, idleBelow: 0.3 }

const lookAt = async (deps: QueueDeps, since: Date | null = null) => {
  const look = await makeScalingSignals(deps, 10).read([small], since)
  const tier = look.tiers.get('small')
  if (!tier) throw new Error('no such tier')
  return { ...tier, now: look.now }
}

test('what waits, runs, has arrived and will fall due is told by task, in slots of a node', async () => {
  const { deps } = await openTestQueue()
  const boot = await aNode(deps) // 10 slots on 2 cpus
  await aRunningJob(deps, boot, { task: 'echo' })
  for (let i = 0; i < 3; i++) await submit(deps, { task: 'echo' })
  await submit(deps, { task: 'render', resources: { cpu: 1, memoryMb: 0, gpu: 0 }, expiresAt: inSeconds(20) })
  await submit(deps, { task: 'train', resources: { cpu: 0, memoryMb: 0, gpu: 1 } })
  await submit(deps, { task: 'later', delayMs: 60_000 })
  await submit(deps, { task: 'much later', delayMs: 86_400_000 })

  const { demand, slotsPerNode } = await lookAt(deps)
  expect(slotsPerNode).toBe(10)
  const task = (name: string) => demand.tasks.find((one) => one.task === name)
  expect(task('echo')).toMatchObject({ waiting: 3, running: 1, slots: 1 })
  expect(task('render')).toMatchObject({ waiting: 1, slots: 5, expiring: [{ inSeconds: 20, jobs: 1 }] })
  expect(task('train')?.slots).toBe(Infinity) // no node of the tier has a GPU: none more would start it
  expect(task('later')).toMatchObject({ waiting: 0, due: [{ inSeconds: 60, jobs: 1 }] })
  expect(task('much later')).toBeUndefined()
  expect(demand.arrivals).toMatchObject({ jobs: 7, slots: 11 })
})

test('running jobs that leave with their node are told apart', async () => {
  const { deps } = await openTestQueue()
  const [stays, leaves] = [await aNode(deps, 'stays'), await aNode(deps, 'leaves')]
  for (const boot of [stays, leaves, leaves]) await aRunningJob(deps, boot, { task: 'echo' })
  await deps.nodes.drain('leaves')
  expect((await lookAt(deps)).demand.tasks).toMatchObject([{ task: 'echo', running: 3, leaving: 2 }])
})

test('jobs that were started or have ended since the last look are told once, and how long they take is learnt', async () => {
  const { deps, databaseUrl } = await openTestQueue()
  const boot = await aNode(deps)
  const signals = makeScalingSignals(deps, 10)
  const first = await signals.read([small], null)
  const ids = [await submit(deps), await submit(deps)]
  await connected(databaseUrl, (client) =>
    client.query("UPDATE jobs SET due_at = due_at - interval '10 seconds' WHERE id = $1", [ids[0]]),
  )
  await dispatchJobs(deps)
  for (const id of ids) {
    const job = await claimJob(deps, boot, { id, seq: 1 })
    if (job) await finishJob(deps, boot, job, { kind: 'succeeded', result: null, usage: { wallMs: 1 } })
  }
  const second = await signals.read([small], first.now)
  expect(second.tiers.get('small')?.demand).toMatchObject({
    ...{ starts: { jobs: 2, late: 1 }, arrivals: { jobs: 2 } },
    tasks: [],
  })
  const third = await signals.read([small], second.now)
  expect(third.tiers.get('small')?.demand).toMatchObject({ starts: { jobs: 0 }, arrivals: { jobs: 0 } })
  // Not the 10 s that are believed of what nobody knows.
  await submit(deps)
  const [echo] = (await signals.read([small], third.now)).tiers.get('small')?.demand.tasks ?? []
  expect(echo?.serviceSeconds).toBeLessThan(1)
})

test('what nodes use is told as the mean of those that tell it', async () => {
  const { deps } = await openTestQueue()
  const [one, two, draining] = [await aNode(deps), await aNode(deps), await aNode(deps, 'draining')]
  expect((await lookAt(deps)).usage).toBeNull()
  const tell = (boot: string, cpu: number) =>
    deps.nodes.renew(boot, 60_000, { isDrained: false, use: { cpu, memory: 0.1, gpu: null } })
  await tell(one, 0.2)
  await tell(two, 0.8)
  await tell(draining, 1)
  await deps.nodes.drain('draining')
  expect((await lookAt(deps)).usage).toEqual({
    ...{ cpu: expect.closeTo(0.5), memory: expect.closeTo(0.1), gpu: null },
    busyWithoutJobs: 1,
  })
})

test('of a long backlog the head is looked at, and how long it is comes from what Postgres knows of its table', async () => {
  const { deps, databaseUrl } = await openTestQueue()
  await connected(databaseUrl, async (client) => {
    await client.query(
      `INSERT INTO jobs (id, tenant, user_id, task, tier, state, priority, payload, cpu, memory_mb, gpu, timeout_ms, max_attempts, backoff_ms, backoff_strategy, labels, due_at, ready)
       SELECT gen_random_uuid(), 'wonderland', gen_random_uuid(), 'echo', 'small', 'pending', 5, 'null', 0, 0, 0, 1000, 1, 0, 'fixed', '{}', now(), true FROM generate_series(1, 20000)`,
    )
    await client.query('ANALYZE jobs')
  })
  const { demand } = await lookAt(deps)
  const [echo] = demand.tasks
  expect(echo?.waiting).toBeGreaterThan(15_000)
  expect(echo?.waiting).toBeLessThan(25_000)
})

const inSeconds = (seconds: number): Date => new Date(Date.now() + seconds * 1000)
