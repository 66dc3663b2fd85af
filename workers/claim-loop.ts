import { setTimeout as delay } from 'node:timers/promises'
import type { Component } from '../core/lifecycle.ts'
import type { DeliveredJob, Delivery, DeliveryEnd } from '../queue/domain/delivery.ts'
import type { Consumer } from '../queue/store/deliveries.ts'
import { claimJob } from '../queue/use-cases/claim-job.ts'
import { isWorthRetrying } from '../queue/use-cases/finish-job.ts'
import type { QueueDeps } from '../queue/use-cases/queue-deps.ts'
import { type HoldDeps, holdJob } from './hold-job.ts'
import type { NodeLease } from './node-lease.ts'
import type { Run, Runs } from './runs.ts'
import type { RunTaskOptions } from './run-task.ts'
import { makeSlots } from './slots.ts'

export interface ClaimLoopOptions extends RunTaskOptions {
  tiers: readonly string[]
  /** Jobs at once, over all tiers. */
  concurrency: number
  /** How long running jobs may go on after a stop was asked for; the last `killGraceMs` of it are for killing. */
  drainDeadlineMs: number
  lease: NodeLease
  runs: Runs
}

export interface ClaimLoop extends Component {
  /** Takes no more deliveries and returns those that have not begun. Running jobs go on. */
  stopIntake(): void
}

type ClaimDeps = HoldDeps & Pick<QueueDeps, 'deliveries' | 'claimBatch'>

/** How long a delivery waits here for a slot or a live lease; then another node may have it. */
const slotWaitMs = 1000

/** How long storing the last ends may take after the drain deadline. */
const lastWordsMs = 2000

/** A delivery of a task that this node does not offer goes back for longer each time, so that it does not go round and round. */
const unknownTaskDelayMs = (timesTaken: number): number => Math.min(5000, 250 * 2 ** Math.min(timesTaken, 10))

/**
 * Takes deliveries of its tiers and runs their jobs. A delivery waits for a slot before its job is claimed: `running` means started.
 * What can't be begun here is returned to its queue, never dropped.
 */
export function makeClaimLoop(deps: ClaimDeps, options: ClaimLoopOptions): ClaimLoop {
  const { deliveries, metrics, settings, log } = deps
  const { tiers, concurrency, lease, runs, tasks } = options
  const slots = makeSlots(concurrency)
  const intake = new AbortController()
  const abandon = new AbortController()
  let isHandingBack = false
  let consumers: Consumer[] = []
  let closing: Promise<unknown> = Promise.resolve()

  function stopIntake(): void {
    if (intake.signal.aborted) return
    intake.abort()
    closing = Promise.all(consumers.map((consumer) => consumer.close()))
  }

  async function handle(delivery: Delivery): Promise<DeliveryEnd> {
    if (intake.signal.aborted) return { returnAfterMs: 0 }
    if (!tasks.has(delivery.task)) return { returnAfterMs: unknownTaskDelayMs(delivery.timesTaken) }
    const ends = await Promise.all(delivery.jobs.map((delivered) => takeUp(delivery.tier, delivered)))
    const returned = ends.filter((end) => end !== 'done')
    return returned.length > 0
      ? { returnAfterMs: Math.max(...returned.map((end) => end.returnAfterMs)) }
      : 'done'
  }

  async function takeUp(tier: string, delivered: DeliveredJob): Promise<DeliveryEnd> {
    const release = await slots.take({ waitMs: slotWaitMs, signal: intake.signal })
    if (!release) return { returnAfterMs: 0 }
    try {
      const run = await claim(tier, delivered)
      if (run === 'refused') return 'done'
      if (run === 'impossible') return { returnAfterMs: intake.signal.aborted ? 0 : slotWaitMs }
      try {
        await holdJob(deps, run, { ...options, abandon: abandon.signal })
      } finally {
        runs.end(run)
      }
      return 'done'
    } catch (error) {
      log.error('a bug kept a job from being claimed', { jobId: delivered.id, error })
      return { returnAfterMs: 5000 }
    } finally {
      release()
    }
  }

  /** T3, tried again for as long as a lease lasts while Postgres is away; then another node may try. */
  async function claim(tier: string, delivered: DeliveredJob): Promise<Run | 'refused' | 'impossible'> {
    const giveUpMs = performance.now() + settings.leaseMs
    let isAnswerLost = false
    do {
      const boot = await lease.liveBoot({ waitMs: slotWaitMs, signal: intake.signal })
      if (!boot) continue
      const claimEnded = runs.beginClaim(delivered.id)
      try {
        const job = await claimJob(deps, boot.id, delivered)
        if (!job) {
          if (isAnswerLost) lease.lookNow() // it may be ours, by the claim before
          metrics.claimsRefused.inc({ tier })
          return 'refused'
        }
        // A boot that is dead, or may be any moment, starts nothing. Should it live after all, its renewal hands the row back.
        if (!lease.isLive(boot)) return 'refused'
        const run = runs.begin(job, boot)
        if (isHandingBack) run.stopping.abort({ reason: 'stopping', killGraceMs: 0 })
        return run
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
    start() {
      if (!intake.signal.aborted)
        consumers = tiers.map((tier) => deliveries.consume(tier, concurrency, handle))
      return Promise.resolve()
    },
    stopIntake,
    async stop() {
      stopIntake()
      const { drainDeadlineMs, killGraceMs } = options
      const graceMs = Math.min(killGraceMs, drainDeadlineMs)
      if (!(await within(drainDeadlineMs - graceMs, runs.untilNone()))) {
        log.info('running jobs are stopped and handed back', { runs: runs.count() })
        isHandingBack = true
        runs.stopAll({ reason: 'stopping', killGraceMs: graceMs })
        if (!(await within(graceMs + lastWordsMs, runs.untilNone())))
          log.warn('not all jobs could be handed back; the reaper takes them', { runs: runs.count() })
      }
      abandon.abort()
      await closing
    },
  }
}

/** True when it came to pass in time. */
async function within(ms: number, event: Promise<void>): Promise<boolean> {
  const over = new AbortController()
  const late = delay(ms, false, { signal: over.signal }).catch(() => false)
  const isInTime = await Promise.race([event.then(() => true), late])
  over.abort()
  return isInTime
}
