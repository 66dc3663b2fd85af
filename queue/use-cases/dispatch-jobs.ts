import { performance } from 'node:perf_hooks'
import { deliveriesWanted, refillAfterMs, windowSize } from '../domain/dispatch-window.ts'
import { suspectFrom } from '../domain/job-state.ts'
import type { DispatchedJob } from '../store/jobs/dispatch.ts'
import { type DeliverySizesView, makeDeliverySizesView } from './delivery-sizes.ts'
import { type Fleet, slotsOf } from './fleet.ts'
import type { QueueDeps } from './queue-deps.ts'

/** Most jobs that a round moves per tier. */
const roundSize = 2000
/** Weight of the newest measurement in the drain rate. */
const newest = 0.3

type DispatchDeps = Pick<
  QueueDeps,
  'jobs' | 'deliveries' | 'signals' | 'tiers' | 'settings' | 'metrics' | 'taskProfiles'
>

/** How long a window that was found full is taken for full: so that each of many submissions does not ask Postgres whether it still is. */
const usualFullMs = 25

/** What a dispatcher remembers of a tier between its rounds. */
interface Memory {
  /** Queued after the last round, and when that was. */
  queued: number
  atMs: number
  drainPerSecond: number
  /** Whether the window was full then. */
  isFull: boolean
}

export interface DispatchRounds {
  /**
   * Answers with the ms until it is worth to look again, 0 when there was more than a round held, undefined when nothing is known to come.
   */
  run: () => Promise<number | undefined>
  /** False while none of the tiers has room in its window. */
  hasRoom: (tiers: readonly string[]) => boolean
}

/**
 * T2: makes the rounds that ready what is due, fill each tier's dispatch window, and put the deliveries into BullMQ. A delivery that could not be sent is left to the reconciler:
 * the row is queued, only its hint is missing.
 */
export function makeDispatchRounds(
  deps: DispatchDeps,
  fleet: () => Promise<Fleet>,
  fullMs = usualFullMs,
): DispatchRounds {
  const memories = new Map<string, Memory>()
  const sizes = makeDeliverySizesView(deps)

  async function run(): Promise<number | undefined> {
    const { readied, nextDueMs } = await deps.jobs.readyDue(roundSize)
    if (!deps.deliveries.isConnected()) return nextDueMs ?? undefined // nodes take what is ready themselves (T13)
    const { nodes } = await fleet()
    const waits = await Promise.all(
      deps.tiers.map(({ name }) => dispatchTier(deps, name, slotsOf(nodes, name), memories, sizes)),
    )
    if (readied === roundSize) return 0
    const known = [...waits, nextDueMs].filter((ms) => ms !== undefined && ms !== null)
    return known.length > 0 ? Math.min(...known) : undefined
  }

  return {
    run,
    hasRoom: (tiers) =>
      tiers.some((tier) => {
        const memory = memories.get(tier)
        return !memory?.isFull || performance.now() - memory.atMs > fullMs
      }),
  }
}

/** @returns ms until the tier's window wants to be filled again; undefined when all that was ready is in it */
async function dispatchTier(
  deps: DispatchDeps,
  tier: string,
  slots: number,
  memories: Map<string, Memory>,
  sizes: DeliverySizesView,
): Promise<number | undefined> {
  const memory = memories.get(tier) ?? {
    queued: 0,
    atMs: performance.now(),
    drainPerSecond: 0,
    isFull: false,
  }
  const window = windowSize({
    slots,
    drainPerSecond: memory.drainPerSecond,
    limit: deps.settings.dispatchWindow,
  })
  const queued = await deps.jobs.countQueued(tier, window)
  const room = Math.max(0, window - queued)
  const nowMs = performance.now()
  const drainedPerSecond = (Math.max(0, memory.queued - queued) / Math.max(1, nowMs - memory.atMs)) * 1000
  const drainPerSecond = memory.drainPerSecond * (1 - newest) + drainedPerSecond * newest

  const jobs =
    room === 0
      ? []
      : await deps.jobs.dispatchReady({
          tier,
          limit: Math.min(room, roundSize),
          deliveries: deliveriesWanted({ slots, queued }),
          sizes: await sizes.read(tier),
          suspectFrom: suspectFrom(deps.settings.crashLimit),
        })
  const isFull = jobs.length === room
  memories.set(tier, { queued: queued + jobs.length, atMs: nowMs, drainPerSecond, isFull })
  if (jobs.length > 0) await deliver(deps, tier, jobs)
  if (jobs.length === roundSize) return 0
  return isFull ? refillAfterMs({ window, drainPerSecond }) : undefined
}

/** Sends jobs that were dispatched; those with the same delivery id travel together. */
export async function deliver(
  deps: Pick<QueueDeps, 'deliveries' | 'signals' | 'metrics'>,
  tier: string,
  jobs: readonly DispatchedJob[],
): Promise<void> {
  await deps.deliveries.send(tier, jobs)
  deps.metrics.jobsDispatched.inc({ tier }, jobs.length)
  deps.signals.tellChanged(jobs.map((job) => job.id))
}
