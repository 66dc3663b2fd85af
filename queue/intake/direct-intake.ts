import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { every } from '../../core/every.ts'
import type { Component } from '../../core/lifecycle.ts'
import { suspectFrom } from '../domain/job-state.ts'
import type { QueueDeps } from '../use-cases/queue-deps.ts'
import type { Run, Runs } from './runs.ts'
import type { Grant, Slots } from './slots.ts'
import type { Standing } from './standing.ts'

/** How often Redis is looked after, and how long it must be away before jobs are taken without it: a blip is left to the reconnect. */
const lookEveryMs = 500
const patienceMs = 1000
const answerMs = 300
/** While there is little to take, and nobody tells of more; a retry's or a later job's time comes without a word. */
const pauseMs = 250

export interface DirectIntakeOptions {
  tiers: readonly string[]
  tasks: readonly string[]
  slots: Slots
  lease: Standing
  runs: Runs
  /** Runs a job that was taken, and gives its slot back. Never rejects. */
  carry: (run: Run, grant: Grant) => Promise<void>
}

/**
 * Degraded mode: while Redis is away the node takes jobs straight from Postgres (T13), as many as fit it, and stops when Redis is back. Jobs that
 * were taken so and are delivered afterwards are refused at the claim.
 */
export function makeDirectIntake(
  deps: Pick<QueueDeps, 'jobs' | 'deliveries' | 'signals' | 'settings' | 'log'>,
  options: DirectIntakeOptions,
): Component {
  const { tiers, tasks, slots, lease, runs, carry } = options
  const stopping = new AbortController()
  let awaySinceMs: number | undefined
  let isTaking = false
  let stopHearing = (): void => undefined

  async function tick(): Promise<number | undefined> {
    if (await answers()) {
      if (isTaking) deps.log.info('Redis is back, jobs come by delivery again')
      isTaking = false
      awaySinceMs = undefined
      return undefined
    }
    awaySinceMs ??= performance.now()
    if (performance.now() - awaySinceMs < patienceMs) return 100
    if (!isTaking) deps.log.warn('Redis is away, jobs are taken straight from Postgres')
    isTaking = true
    return (await take()) ? 0 : pauseMs
  }

  /** A Redis that lets wait is as good as none. */
  async function answers(): Promise<boolean> {
    return Promise.race([deps.deliveries.ping(), delay(answerMs, false, { ref: false })])
  }

  /** @returns true when there may be more */
  async function take(): Promise<boolean> {
    const boot = await lease.liveBoot({ waitMs: 0, signal: stopping.signal })
    if (!boot) return false
    const held = slots.holdFree()
    const takeEnded = runs.beginTake()
    try {
      const { free, share } = held
      if (free.slots === 0) return false
      const jobs = await deps.jobs.take({
        bootId: boot.id,
        tiers,
        tasks,
        free,
        share,
        suspectFrom: suspectFrom(deps.settings.crashLimit),
      })
      // A boot that is dead, or may be any moment, starts nothing; should it live after all, its renewal hands the rows back.
      if (!lease.isLive(boot)) return false
      for (const job of jobs) {
        const grant = held.take(job.resources)
        if (grant) void carry(runs.begin(job, boot, grant), grant)
        else lease.lookNow() // GPUs that are free in parts only: the renewal hands the row back
      }
      return jobs.length === free.slots
    } finally {
      takeEnded()
      held.end()
    }
  }

  const loop = every(lookEveryMs, tick, { name: 'direct intake', log: deps.log })
  return {
    name: loop.name,
    async start() {
      stopHearing = await deps.signals.onSubmittedWithoutRedis(() => {
        if (isTaking) loop.nudge()
      })
      await loop.start()
    },
    async stop() {
      stopping.abort()
      stopHearing()
      await loop.stop()
    },
  }
}
