import { type Forecast, foresee, makeForecast } from './forecast.ts'
import { makePeaks, notePeak, peakOver, type Peaks } from './peaks.ts'
import type { ScalingPolicy } from './policy.ts'
import { makeRehearsal, rehearse, type Rehearsal } from './rehearsal.ts'
import type { TaskDemand, TierSignals } from './signals.ts'

/** What a tier's scaling has learnt: numbers only, so that it can be stored as JSON and taken over by the next leader. */
export interface ScalingHistory {
  version: number
  /** When it last learnt. */
  atMs: number | null
  /** Seconds of learning so far. */
  seconds: number
  /** Slots that would be in use had no job waited. */
  offered: number
  /** Recent means of what arrives, for the mean service time: slot-seconds and slots. */
  slotSeconds: number
  slots: number
  forecast: Forecast
  peaks: Peaks
  rehearsal: Rehearsal
  /** What was decided last, and when nodes were last given back. */
  desired: number | null
  removedAtMs: number | null
}

export const makeHistory = (policy: Pick<ScalingPolicy, 'min'>): ScalingHistory => ({
  version: 2,
  atMs: null,
  seconds: 0,
  offered: 0,
  slotSeconds: 0,
  slots: 0,
  forecast: makeForecast(),
  peaks: makePeaks(),
  rehearsal: makeRehearsal(policy.min),
  desired: null,
  removedAtMs: null,
})

const mixSeconds = 600
/** A gap in what is known: longer ones are not taken for time in which nothing came. */
const longestTickSeconds = 60

/** Slots that are in use, in all and on nodes that leave, and that the waiting jobs ask for; waiting jobs that ask for more than a node has are no demand, and counted apart. */
export function slotsOf(
  tasks: readonly TaskDemand[],
  slotsPerNode: number,
): { used: number; leaving: number; waiting: number; unfit: number } {
  let used = 0
  let leaving = 0
  let waiting = 0
  let unfit = 0
  for (const task of tasks) {
    used += task.running * task.slots
    leaving += task.leaving * task.slots
    if (task.slots <= slotsPerNode) waiting += task.waiting * task.slots
    else unfit += task.waiting
  }
  return { used, leaving, waiting, unfit }
}

/** Mean time that a slot is held, in s: of what arrived lately, else of what is there. */
export function meanService(history: ScalingHistory, tasks: readonly TaskDemand[]): number {
  if (history.slots > 0.01) return Math.max(0.001, history.slotSeconds / history.slots)
  let slots = 0
  let slotSeconds = 0
  for (const task of tasks) {
    const jobs = task.waiting + task.running + (task.due.at(-1)?.jobs ?? 0)
    slots += jobs * task.slots
    slotSeconds += jobs * task.slots * task.serviceSeconds
  }
  return slots > 0 ? Math.max(0.001, slotSeconds / slots) : 1
}

/**
 * Least time between two removals, in s: the policy's, or a cold start and half a job where that is less. To keep a node for longer than it takes to start
 * one costs more than it spares (the ski rental problem); whether it is worth while to keep it all the same is what the rehearsal tells.
 */
export const cooldownOf = (
  { cooldownSeconds }: Pick<ScalingPolicy, 'cooldownSeconds'>,
  coldStartSeconds: number,
  serviceSeconds: number,
): number => Math.min(cooldownSeconds, coldStartSeconds + serviceSeconds / 2)

/** Learns from signals, in place. Of what is unknown nothing is learnt. */
export function learn(history: ScalingHistory, signals: TierSignals, policy: ScalingPolicy): void {
  const { demand, fleet, nowMs } = signals
  if (!demand || !fleet) return
  const sinceMs = history.atMs === null ? 0 : nowMs - history.atMs
  history.atMs = nowMs
  if (sinceMs <= 0) return
  const seconds = Math.min(longestTickSeconds, sinceMs / 1000)
  history.seconds += seconds

  const { arrivals } = demand
  const fade = Math.exp(-seconds / mixSeconds)
  history.slotSeconds = history.slotSeconds * fade + arrivals.slotSeconds
  history.slots = history.slots * fade + arrivals.slots
  const serviceSeconds = meanService(history, demand.tasks)

  const { used, waiting } = slotsOf(demand.tasks, fleet.slotsPerNode)
  const decay = Math.exp(-seconds / serviceSeconds)
  const flow = history.offered * decay + (arrivals.slotSeconds / seconds) * (1 - decay)
  // What runs is what is offered while nothing waits; of short jobs a glance tells less than their number does.
  const trust = waiting > 0 ? 0 : serviceSeconds / (serviceSeconds + seconds)
  history.offered = flow + trust * (used - flow)

  const { coldStartSeconds } = fleet
  // What waits may do so for the target, so that what comes until then counts as well.
  const aheadSeconds = Math.max(coldStartSeconds, policy.targetWaitMs / 1000)
  foresee(history.forecast, { seconds, nowMs, offered: history.offered, aheadSeconds })
  notePeak(history.peaks, {
    seconds: nowMs / 1000,
    aheadSeconds: coldStartSeconds + seconds,
    load: history.offered,
  })
  rehearse(history.rehearsal, {
    seconds,
    nowSeconds: nowMs / 1000,
    arrivedJobs: arrivals.jobs,
    startedJobs: demand.starts.jobs,
    lateJobs: demand.starts.late,
    offered: history.offered,
    load: history.forecast.load,
    peakOf: (window) => peakOver(history.peaks, window),
    serviceSeconds,
    coldStartSeconds,
    targetWaitSeconds: policy.targetWaitMs / 1000,
    cooldownSeconds: cooldownOf(policy, coldStartSeconds, serviceSeconds),
    slotsPerNode: fleet.slotsPerNode,
    min: policy.min,
    max: policy.max,
  })
}

/** Takes note, in place, of what was decided, once it is acted upon. */
export function noteDecision(
  history: ScalingHistory,
  { nowMs, fleet }: Pick<TierSignals, 'nowMs' | 'fleet'>,
  desired: number,
): void {
  if (fleet && desired < fleet.ready + fleet.startingSeconds.length) history.removedAtMs = nowMs
  history.desired = desired
}
