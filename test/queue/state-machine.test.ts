import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import pg from 'pg'
import { canMove, isTerminal, type JobState, suspectFrom } from '../../queue/domain/job-state.ts'
import type { ClaimedJob } from '../../queue/domain/job.ts'
import { cancelJob } from '../../queue/use-cases/cancel-job.ts'
import { claimJob } from '../../queue/use-cases/claim-job.ts'
import { expireJobs } from '../../queue/use-cases/expire-jobs.ts'
import { finishJob, handBackJob } from '../../queue/use-cases/finish-job.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { reapNodes } from '../../queue/use-cases/reap-nodes.ts'
import { releaseJobs } from '../../queue/use-cases/release-jobs.ts'
import { reconcileDeliveries } from '../../queue/use-cases/reconcile-deliveries.ts'
import { cleanUp } from '../support/clean-up.ts'
import { submitJob } from '../../queue/use-cases/submit-jobs.ts'
import { aJob, dispatchJobs, aNode, alice, openTestQueue } from '../support/test-queue.ts'

/*
 * The table of transitions against the real store: random sequences of what gateways, dispatchers, workers and reapers do to a few jobs on two nodes,
 * with deliveries that are lost, doubled and late, replies that are lost, and nodes that die. The model below is the table in plain words; after
 * each step the store must say the same, and its event log must be a path through the table.
 */

const maxAttempts = 2
const crashLimit = 2
const handBackLimit = 3

interface ModelJob {
  id: string
  state: JobState
  holder: string | null
  /** The claim that holds it, which its holder may have lost sight of. */
  current: ClaimedJob | null
  /** Claims of the past: whoever has one must not be believed. */
  stale: { bootId: string; job: ClaimedJob }[]
  isFlagged: boolean
  failures: number
  crashes: number
  handBacks: number
  expires: boolean
  isAnswered: boolean
}

const aModelJob = (id: string): ModelJob => ({
  id,
  state: 'pending',
  holder: null,
  current: null,
  stale: [],
  isFlagged: false,
  failures: 0,
  crashes: 0,
  handBacks: 0,
  expires: false,
  isAnswered: false,
})

const cache = { ttlSeconds: 60, key: Buffer.alloc(32, 7) }

interface World {
  deps: QueueDeps
  db: pg.Client
  boots: [string, string]
  dead: string[]
  jobs: ModelJob[]
}

const pick = <T>(list: readonly T[], n: number): T | undefined =>
  list.length === 0 ? undefined : list[n % list.length]

/** Where a job goes that stops running without success. */
function stops(job: ModelJob, isSpent: boolean): void {
  job.state = job.isFlagged ? 'cancelled' : isSpent ? 'failed' : 'pending'
  job.isFlagged = false
  if (job.current && job.holder) job.stale.push({ bootId: job.holder, job: job.current })
  job.holder = null
  job.current = null
}

/** One more crash and it fails: it may only be claimed to run alone. */
const isSuspect = (job: ModelJob): boolean => job.crashes >= suspectFrom(crashLimit)

type Step = (world: World, n: number) => Promise<void>

const steps: Record<string, Step> = {
  async submit(world) {
    if (world.jobs.length >= 4) return
    const spec = aJob({ retry: { maxAttempts, backoffMs: 0, strategy: 'fixed' } })
    const { id } = (await submitJob(world.deps, alice, { spec, idempotency: null, cache })).job
    world.jobs.push(aModelJob(id))
  },
  /** T14: a job is answered by another one, whatever state that is in; only what has succeeded by running can. */
  async answer(world, n) {
    const source = pick(world.jobs, n)
    if (!source || world.jobs.length >= 4) return
    const job = { id: world.deps.newId(), ...alice, spec: aJob(), idempotency: null, cacheKey: cache.key }
    const [answered] = await world.deps.jobs.acceptCached([{ job, source: source.id, ttlSeconds: 60 }])
    expect(answered?.state).toBe(source.state === 'succeeded' && !source.isAnswered ? 'succeeded' : undefined)
    if (answered) world.jobs.push({ ...aModelJob(job.id), state: 'succeeded', isAnswered: true })
  },
  async dispatch(world) {
    await dispatchJobs(world.deps)
    for (const job of world.jobs) if (job.state === 'pending' && !job.expires) job.state = 'queued'
  },
  async loseDeliveries(world) {
    await world.deps.deliveries.queueOf('small').obliterate({ force: true })
  },
  async reconcile(world) {
    await reconcileDeliveries(world.deps, 0)
  },
  /** A delivery arrives at a node, in time, late, twice, or for a job that is long over. */
  async deliver(world, n) {
    const job = pick(world.jobs, n)
    const bootId = world.boots[n % 2 === 0 ? 0 : 1]
    if (!job) return
    const isAlone = n % 4 < 2
    const claimed = await claimJob(world.deps, bootId, { id: job.id, seq: 1 + (n % 3) }, isAlone)
    expect(claimed !== null).toBe(job.state === 'queued' && !job.expires && (isAlone || !isSuspect(job)))
    if (!claimed) return
    for (const { job: earlier } of job.stale) expect(claimed.fence).toBeGreaterThan(earlier.fence)
    Object.assign(job, { state: 'running', holder: bootId, current: claimed })
  },
  /** T13: a node takes jobs without deliveries. */
  async take(world, n) {
    const bootId = world.boots[n % 2 === 0 ? 0 : 1]
    const taken = await world.deps.jobs.take({
      bootId,
      tiers: ['small'],
      tasks: ['echo'],
      free: { slots: 1 + (n % 2), cpus: 8, memoryMb: 8192, gpus: 0 },
      share: { cpus: 0.5, memoryMb: 512 },
      suspectFrom: suspectFrom(crashLimit),
    })
    const free = world.jobs.filter(
      (job) => ['pending', 'queued'].includes(job.state) && !job.expires && !isSuspect(job),
    )
    expect(taken).toHaveLength(Math.min(1 + (n % 2), free.length))
    for (const current of taken) {
      const job = free.find(({ id }) => id === current.id)
      if (!job) throw new Error(`Job ${current.id} was not free.`)
      for (const { job: earlier } of job.stale) expect(current.fence).toBeGreaterThan(earlier.fence)
      Object.assign(job, { state: 'running', holder: bootId, current })
    }
  },
  /** T12: a worker gives up a delivery that it could not start, perhaps one of the past. */
  async release(world, n) {
    const job = pick(world.jobs, n)
    if (!job) return
    const { rows } = await world.db.query<{ seq: number }>(
      'SELECT dispatch_seq AS seq FROM jobs WHERE id = $1',
      [job.id],
    )
    const seq = (rows[0]?.seq ?? 0) - (n % 2)
    await releaseJobs(world.deps, [{ id: job.id, seq }])
    if (n % 2 === 0 && job.state === 'queued') job.state = 'pending'
  },
  async finish(world, n) {
    const job = pick(
      world.jobs.filter((one) => one.current !== null),
      n,
    )
    if (!job?.current || !job.holder) return
    const state = await finishJob(world.deps, job.holder, job.current, {
      kind: 'succeeded',
      result: n,
      usage: { wallMs: 1 },
    })
    job.stale.push({ bootId: job.holder, job: job.current })
    Object.assign(job, { state: 'succeeded', holder: null, current: null, isFlagged: false })
    expect(state).toBe('succeeded')
  },
  async fail(world, n) {
    const job = pick(
      world.jobs.filter((one) => one.current !== null),
      n,
    )
    if (!job?.current || !job.holder) return
    const isFinal = n % 5 === 0
    const state = await finishJob(world.deps, job.holder, job.current, {
      kind: 'failed',
      error: { code: 'TASK_ERROR', message: 'no' },
      isFinal,
      usage: { wallMs: 1 },
    })
    job.failures++
    stops(job, isFinal || job.failures >= maxAttempts)
    expect(state).toBe(job.state)
  },
  async handBack(world, n) {
    const job = pick(
      world.jobs.filter((one) => one.current !== null),
      n,
    )
    if (!job?.current || !job.holder) return
    await handBackJob(world.deps, job.holder, { ...job.current, handBacks: job.handBacks }, 'test')
    job.handBacks++
    stops(job, job.handBacks >= handBackLimit)
  },
  /** A holder of the past comes back and reports: it must not be believed. */
  async finishStale(world, n) {
    const job = pick(
      world.jobs.filter((one) => one.stale.length > 0),
      n,
    )
    const stale = job && pick(job.stale, n)
    if (!stale) return
    expect(
      await finishJob(world.deps, stale.bootId, stale.job, {
        kind: 'succeeded',
        result: 'stale',
        usage: { wallMs: 1 },
      }),
    ).toBeNull()
    expect(await handBackJob(world.deps, stale.bootId, stale.job, 'stale')).toBeNull()
  },
  async cancel(world, n) {
    const job = pick(world.jobs, n)
    if (!job) return
    const answer = await cancelJob(world.deps, alice, job.id).catch((error: unknown) => error)
    if (job.state === 'running') job.isFlagged = true
    else if (!isTerminal(job.state)) job.state = 'cancelled'
    else if (job.state !== 'cancelled') expect(answer).toMatchObject({ code: 'JOB_ALREADY_FINISHED' })
  },
  async expire(world, n) {
    const job = pick(world.jobs, n)
    if (!job) return
    await world.db.query("UPDATE jobs SET expires_at = now() - interval '1 second' WHERE id = $1", [job.id])
    job.expires = true
    await expireJobs(world.deps)
    for (const one of world.jobs)
      if (one.expires && (one.state === 'pending' || one.state === 'queued')) one.state = 'expired'
  },
  async killNode(world, n) {
    const i = n % 2 === 0 ? 0 : 1
    const bootId = world.boots[i]
    await world.db.query("UPDATE nodes SET lease_expires_at = now() - interval '1 hour' WHERE boot_id = $1", [
      bootId,
    ])
    await reapNodes(world.deps)
    for (const job of world.jobs) {
      if (job.holder !== bootId) continue
      job.crashes++
      stops(job, job.crashes >= crashLimit)
    }
    world.dead.push(bootId)
    world.boots[i] = await aNode(world.deps)
  },
  /** A renewal lists exactly what the boot holds: a claim whose reply was lost would show here. */
  async renew(world, n) {
    const bootId = world.boots[n % 2 === 0 ? 0 : 1]
    const renewal = await world.deps.nodes.renew(bootId, 60_000)
    expect(
      renewal?.held.map(({ id, isCancelRequested }) => `${id} ${String(isCancelRequested)}`).sort(),
    ).toEqual(
      world.jobs
        .filter((job) => job.holder === bootId)
        .map((job) => `${job.id} ${String(job.isFlagged)}`)
        .sort(),
    )
  },
  async renewDead(world, n) {
    const bootId = pick(world.dead, n)
    if (bootId) expect(await world.deps.nodes.renew(bootId, 60_000)).toBeNull()
  },
}

/** Jobs must get to run often enough for what happens to running jobs to happen. */
const aStep = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      ...[
        'dispatch',
        'dispatch',
        'deliver',
        'deliver',
        'take',
        'release',
        'fail',
        'finish',
        'handBack',
        'finishStale',
      ],
    ),
  },
  { weight: 4, arbitrary: fc.constantFrom(...Object.keys(steps)) },
)

async function expectSameAsModel(world: World, trail: readonly string[]): Promise<void> {
  for (const job of world.jobs) {
    const row = await world.deps.jobs.find(job.id, null)
    const seen = {
      state: row?.state,
      failures: row?.failures,
      crashes: row?.crashes,
      handBacks: row?.handBacks,
      isFlagged: row?.state === 'running' && row.cancelRequestedAt !== null,
    }
    const { state, failures, crashes, handBacks, isFlagged } = job
    expect({ trail, ...seen }).toEqual({ trail, state, failures, crashes, handBacks, isFlagged })
    const { rows } = await world.db.query<{ state: JobState; fence: string | null; seq: number }>(
      'SELECT state, fence, seq FROM job_events WHERE job_id = $1 ORDER BY seq',
      [job.id],
    )
    const states = rows.map((event) => event.state)
    states.forEach((to, i) =>
      expect({ from: states[i - 1] ?? null, to, isMove: canMove(states[i - 1] ?? null, to) }).toMatchObject({
        isMove: true,
      }),
    )
    expect(rows.map((event) => event.seq)).toEqual(rows.map((_, i) => i + 1))
    expect(states.at(-1)).toBe(job.state)
    const fences = rows.filter((event) => event.state === 'running').map((event) => Number(event.fence))
    expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b))
  }
}

test('whatever gateways, nodes and reapers do, in any order, each job goes by the table, and only its holder is believed', async () => {
  const { deps, databaseUrl } = await openTestQueue({
    crashLimit,
    handBackLimit,
    leaseMs: 3_600_000,
    leaseGraceMs: 0,
  })
  const db = new pg.Client(databaseUrl)
  await db.connect()
  cleanUp(() => db.end())
  await db.query(
    "UPDATE platform SET reaper_seen_at = now(), reaper_held_until = now() - interval '1 second'",
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(aStep, fc.nat(59)), { minLength: 1, maxLength: 60, size: 'max' }),
      async (trail) => {
        await db.query('TRUNCATE jobs, job_events, attempts')
        const world: World = { deps, db, boots: [await aNode(deps), await aNode(deps)], dead: [], jobs: [] }
        await steps['submit']?.(world, 0)
        for (const [i, [name, n]] of trail.entries()) {
          await steps[name]?.(world, n)
          await expectSameAsModel(
            world,
            trail.slice(0, i + 1).map((step) => step.join(' ')),
          )
        }
      },
    ),
    { numRuns: Number(process.env['STATE_MACHINE_RUNS'] ?? 70) },
  )
})
