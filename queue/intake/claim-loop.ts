import { setTimeout as delay } from 'node:timers/promises'
import type { Component } from '../../core/lifecycle.ts'
import { within } from '../../core/within.ts'
import type { DeliveredJob, Delivery, DeliveryEnd } from '../domain/delivery.ts'
import { asksForResources, type ClaimedJob, isSameNeed } from '../domain/job.ts'
import type { GpuId } from '../domain/node.ts'
import type { Consumer } from '../store/deliveries.ts'
import { claimJob } from '../use-cases/claim-job.ts'
import { isWorthRetrying } from '../use-cases/finish-job.ts'
import type { QueueDeps } from '../use-cases/queue-deps.ts'
import { releaseJobs } from '../use-cases/release-jobs.ts'
import type { Boot } from './boot.ts'
import { makeDirectIntake } from './direct-intake.ts'
import type { Allocation, NodeCapacity } from './node-allocator.ts'
import type { Run, Runs } from './runs.ts'
import { makeServiceTimes } from './service-times.ts'
import { type Grant, makeSlots } from './slots.ts'
import type { Standing } from './standing.ts'
import { waitForResources } from './wait-for-resources.ts'

export interface ClaimLoopOptions {
  tiers: readonly string[]
  /** Names of the tasks that the node runs. */
  tasks: ReadonlySet<string>
  /** What it has for jobs, over all tiers. */
  capacity: NodeCapacity
  /** What its GPUs are called; by default indexes from 0. */
  gpuIds?: readonly GpuId[]
  lease: Standing
  runs: Runs
  /**
   * Sees a job that was claimed to its end: runs it, or has the node run it. Calls `onRan` when the task is over, and resolves, when its end is stored
   * or it is the node's no more, with how long it ran in ms; null when it did not. Never rejects.
   */
  carry: (run: Run, onRan: () => void) => Promise<number | null>
}

/** Where a node's jobs come from. */
export interface Intake extends Component {
  /** Takes no more, and returns what has not begun. Running jobs go on. */
  stopIntake(): void
  /** Takes jobs again, after stopIntake; not after stop. */
  resumeIntake(): void
  /** The same, and resolves when nothing comes any more, and what came is over. */
  stop(): Promise<void>
  /** True while intake is stopped and nothing is left of what was taken. */
  isDrained(): boolean
}

/** The intake of a node, by deliveries. */
export interface ClaimLoop extends Intake {
  /** Sees a job to its end that the node held before this loop began. */
  adopt(job: ClaimedJob, boot: Boot, allocation: Allocation): void
}

type ClaimDeps = Pick<
  QueueDeps,
  'jobs' | 'deliveries' | 'claimBatch' | 'taskProfiles' | 'signals' | 'settings' | 'metrics' | 'log'
>

/** How long a delivery waits here for a slot or a live lease; then another node may have it. */
const slotWaitMs = 1000
/** The same for a job of many in a delivery; those before it may take longer than was thought. */
const bundleWaitMs = 200
/** How long a suspect waits for its node to be empty, and its delivery then for another try. */
const aloneWaitMs = 5000
/** After so many tries a suspect runs beside others: better than never, on nodes whose jobs take hours. */
const aloneTries = 20
/** Jobs at hand for each slot, running or not: so many that no slot waits for Redis, so few that other nodes get theirs. */
const jobsPerSlot = 3
/** Jobs that may be held for each slot: one that runs, the others over, their ends on the way to Postgres. */
const heldPerSlot = 4
/** Weight of the newest delivery in their mean size. */
const newest = 0.3

/** A delivery of a task that this node does not offer, or that asks for more than it has, goes back for longer each time, so that it does not go round and round. */
const misplacedDelayMs = (timesTaken: number): number => Math.min(5000, 250 * 2 ** Math.min(timesTaken, 10))

/**
 * Takes deliveries of a node's tiers and claims their jobs for it. A delivery waits for a slot and its resources before its job is claimed: `running` means started.
 * What can't be begun here is returned to its queue, never dropped.
 */
export function makeClaimLoop(deps: ClaimDeps, options: ClaimLoopOptions): ClaimLoop {
  const { deliveries, metrics, settings, log } = deps
  const { tiers, capacity, lease, runs, tasks } = options
  const concurrency = capacity.slots
  const slots = makeSlots(capacity, options.gpuIds)
  const serviceTimes = makeServiceTimes(deps.taskProfiles)
  const meanSizes = new Map<string, number>()
  /** Aborted while none is taken; another each time that it is resumed. */
  let intake = new AbortController()
  let consumers: Consumer[] = []
  let direct = openDirect()
  /** Of those before they are taken anew, too: they go on until what they brought is over. */
  let closing: Promise<unknown> = Promise.resolve()
  let isClosed = false
  let isOver = false

  function openDirect(): Component {
    return makeDirectIntake(deps, { tiers, tasks: [...tasks], slots, lease, runs, carry })
  }

  async function open(): Promise<void> {
    consumers = tiers.map((tier) => deliveries.consume(tier, concurrency, handle))
    await direct.start()
  }

  function stopIntake(): void {
    if (intake.signal.aborted) return
    const own = intake
    own.abort()
    const parts = [closing, direct.stop(), ...consumers.map((consumer) => consumer.close())]
    closing = Promise.all(parts).then(() => {
      if (intake === own) isClosed = true
    })
  }

  function resumeIntake(): void {
    if (isOver || !intake.signal.aborted) return
    intake = new AbortController()
    isClosed = false
    direct = openDirect()
    open().catch((error: unknown) => log.error('a bug kept the node from taking jobs again', { error }))
  }

  async function handle(delivery: Delivery): Promise<DeliveryEnd> {
    if (intake.signal.aborted) return { returnAfterMs: 0 }
    const { tier, jobs, need, timesTaken } = delivery
    if (!tasks.has(delivery.task) || !slots.canEverFit(need))
      return { returnAfterMs: misplacedDelayMs(timesTaken) }
    const [only] = jobs
    if (delivery.isAlone && only) return takeUpAlone(only, delivery)
    adaptIntake(tier, jobs.length)
    const isBundle = jobs.length > 1
    const ends = await Promise.all(jobs.map((delivered) => takeUp(delivered, delivery)))
    const returned = jobs.filter((_, i) => ends[i] !== 'done')
    if (returned.length === 0) return 'done'
    if (!isBundle || !(await tryRelease(returned)))
      return { returnAfterMs: Math.max(...ends.map((end) => (end === 'done' ? 0 : end.returnAfterMs))) }
    return 'done'
  }

  /** The larger the deliveries, the fewer are taken at once. */
  function adaptIntake(tier: string, size: number): void {
    const mean = (meanSizes.get(tier) ?? 1) * (1 - newest) + size * newest
    meanSizes.set(tier, mean)
    const deliveriesAtOnce = Math.ceil((concurrency * jobsPerSlot) / mean)
    consumers[tiers.indexOf(tier)]?.setConcurrency(Math.max(1, Math.min(concurrency, deliveriesAtOnce)))
  }

  /** T12: what a bundle brought and did not get a slot goes where others can have it at once. False when Postgres did not hear. */
  async function tryRelease(unstarted: readonly DeliveredJob[]): Promise<boolean> {
    try {
      await releaseJobs(deps, unstarted)
      return true
    } catch (error) {
      if (!isWorthRetrying(error)) log.error('a bug kept jobs from being released', { error })
      return false
    }
  }

  async function takeUp(delivered: DeliveredJob, delivery: Delivery): Promise<DeliveryEnd> {
    const grant = await waitForGrant(delivered.id, delivery)
    return grant ? start(delivered, delivery, grant, false) : { returnAfterMs: 0 }
  }

  async function waitForGrant(id: string, { need, jobs, timesTaken }: Delivery): Promise<Grant | null> {
    const { signal } = intake
    if (!asksForResources(need))
      return slots.take({ need, waitMs: jobs.length > 1 ? bundleWaitMs : slotWaitMs, signal })
    const isStillQueued = async (): Promise<boolean> => (await deps.jobs.findQueued([id])).has(id)
    return waitForResources(slots, need, { timesTaken, isStillQueued, signal, log })
  }

  /** One more crash of its node fails this job: nothing may run beside it that could be the cause, or be hit again. */
  async function takeUpAlone(delivered: DeliveredJob, delivery: Delivery): Promise<DeliveryEnd> {
    const isGivenUp = delivery.timesTaken > aloneTries
    const grant = await slots.take({
      need: delivery.need,
      waitMs: aloneWaitMs,
      signal: intake.signal,
      isAlone: !isGivenUp,
    })
    if (!grant) return { returnAfterMs: intake.signal.aborted ? 0 : aloneWaitMs }
    // Tasks are over, but their ends may be on the way to Postgres.
    if (!isGivenUp && !(await within(aloneWaitMs, runs.untilNone()))) {
      grant.release()
      return { returnAfterMs: aloneWaitMs }
    }
    return start(delivered, delivery, grant, true)
  }

  async function start(
    delivered: DeliveredJob,
    delivery: Delivery,
    grant: Grant,
    isAlone: boolean,
  ): Promise<DeliveryEnd> {
    const { release } = grant
    try {
      const run = await claim(delivered, delivery, grant, isAlone)
      if (run === 'refused') return 'done'
      if (run === 'impossible') return { returnAfterMs: intake.signal.aborted ? 0 : slotWaitMs }
      await carry(run, isAlone ? { ...grant, release: () => undefined } : grant) // alone until its end is stored
      return 'done'
    } catch (error) {
      log.error('a bug kept a job from being claimed', { jobId: delivered.id, error })
      return { returnAfterMs: 5000 }
    } finally {
      release()
    }
  }

  /** The slot is given back when the task is over, for the next one need not wait for Postgres. */
  async function carry(run: Run, { release }: Grant): Promise<void> {
    const onRan = (): void => {
      if (runs.count() < concurrency * heldPerSlot) release()
    }
    try {
      const ranMs = await options.carry(run, onRan)
      if (ranMs !== null) serviceTimes.observe(run.job.tier, run.job.task, ranMs)
    } finally {
      runs.end(run)
      release()
    }
  }

  /** T3, tried again for as long as a lease lasts while Postgres is away; then another node may try. */
  async function claim(
    delivered: DeliveredJob,
    { tier, need }: Delivery,
    grant: Grant,
    isAlone: boolean,
  ): Promise<Run | 'refused' | 'impossible'> {
    const giveUpMs = performance.now() + settings.leaseMs
    let isAnswerLost = false
    do {
      const boot = await lease.liveBoot({ waitMs: slotWaitMs, signal: intake.signal })
      if (!boot) continue
      const claimEnded = runs.beginClaim(delivered.id)
      try {
        const job = await claimJob(deps, boot.id, delivered, isAlone)
        if (!job) {
          if (isAnswerLost) lease.lookNow() // it may be ours, by the claim before
          metrics.claimsRefused.inc({ tier })
          return 'refused'
        }
        // A boot that is dead, or may be any moment, starts nothing. Should it live after all, its renewal hands the row back.
        if (!lease.isLive(boot)) return 'refused'
        if (!isSameNeed(job.resources, need)) {
          lease.lookNow() // an old hint, it asks for something else by now: the renewal hands it back
          return 'refused'
        }
        return runs.begin(job, boot, grant)
      } catch (error) {
        if (!isWorthRetrying(error)) throw error
        isAnswerLost = true
      } finally {
        claimEnded()
      }
      await delay(100 + Math.random() * 400, undefined, { signal: intake.signal }).catch(() => undefined)
    } while (!intake.signal.aborted && performance.now() < giveUpMs)
    return 'impossible'
  }

  return {
    name: 'claim loop',
    async start() {
      if (!intake.signal.aborted) await open()
    },
    stopIntake,
    resumeIntake,
    isDrained: () => isClosed && runs.count() === 0,
    adopt(job, boot, allocation) {
      const grant = slots.adopt(job.resources, allocation)
      void carry(runs.begin(job, boot, grant), grant)
    },
    async stop() {
      isOver = true
      stopIntake()
      await closing
    },
  }
}
