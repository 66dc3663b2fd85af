import type { ScalingPolicy } from '../../../queue/domain/scaling/policy.ts'
import { makeNoodlePilot } from './noodle-pilot.ts'
import { rivals } from './rivals/all-rivals.ts'
import { type FleetSettings, type RunResult, simulate } from './simulate.ts'
import { type Workload, workOf } from './workload.ts'

export type PolicyName = 'noodle' | keyof typeof rivals
export const policyNames = ['noodle', ...Object.keys(rivals)] as PolicyName[]

/** What a policy made of a workload. The first part is what `noodle simulate --json` prints. */
export interface Outcome {
  name: PolicyName
  nodeSeconds: number
  waitMs: { p50: number; p95: number; p99: number; max: number }
  deadlineMisses: number
  scaleEvents: number
  busyKills: number
}

export interface Comparison {
  outcomes: Outcome[]
  /** Node-seconds that no fleet can do with less. */
  floorNodeSeconds: number
  /** Of each policy, nodes over time: all tiers together. */
  timelines: { name: PolicyName; timeline: RunResult['timeline'] }[]
}

/** The jobs of a tier, and how it would be scaled. */
export interface TierRun {
  workload: Workload
  settings: FleetSettings
  /** Noodle's. */
  policy: ScalingPolicy
}

/** Runs each tier's workload under each policy, on a fleet of its own; the tiers' figures are put together. */
export function compare(tiers: readonly TierRun[], names: readonly PolicyName[]): Comparison {
  const runs = names.map((name) => ({
    name,
    results: tiers.map(({ workload, settings, policy }) => {
      const pilot = name === 'noodle' ? makeNoodlePilot(workload, policy) : rivals[name](workload, settings)
      return simulate(workload, settings, pilot)
    }),
  }))
  return {
    outcomes: runs.map(({ name, results }) => outcomeOf(name, results)),
    floorNodeSeconds: tiers.reduce(
      (sum, { workload, settings }) => sum + workOf(workload) / settings.slotsPerNode,
      0,
    ),
    timelines: runs.map(({ name, results }) => ({ name, timeline: addUp(results) })),
  }
}

export function outcomeOf(name: PolicyName, results: readonly RunResult[]): Outcome {
  const total = (of: (result: RunResult) => number): number => results.reduce((sum, one) => sum + of(one), 0)
  const waits = new Float64Array(total(({ waitSeconds }) => waitSeconds.length))
  let filled = 0
  for (const { waitSeconds } of results) {
    waits.set(waitSeconds, filled)
    filled += waitSeconds.length
  }
  waits.sort()
  const at = (share: number): number =>
    Math.round((waits[Math.max(0, Math.ceil(waits.length * share) - 1)] ?? 0) * 1000)
  return {
    name,
    nodeSeconds: Math.round(total(({ nodeSeconds }) => nodeSeconds) * 1000) / 1000,
    waitMs: { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) },
    deadlineMisses: total(({ deadlineMisses }) => deadlineMisses),
    scaleEvents: total(({ scaleEvents }) => scaleEvents),
    busyKills: total(({ busyKills }) => busyKills),
  }
}

/** The sum of several timelines. */
function addUp(results: readonly RunResult[]): RunResult['timeline'] {
  const [only] = results
  if (results.length === 1 && only) return only.timeline
  const changes = results.flatMap(({ timeline }) =>
    timeline.map(({ at, nodes }, n) => ({ at, change: nodes - (timeline[n - 1]?.nodes ?? 0) })),
  )
  let nodes = 0
  return changes.toSorted((a, b) => a.at - b.at).map(({ at, change }) => ({ at, nodes: (nodes += change) }))
}
