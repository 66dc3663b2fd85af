import { rules, slotsForQueue, type Situation } from './rules.ts'

/*
 * Every rule steers a fleet of its own that exists on paper only: the load that really came flows through it, and it is counted what it would have cost
 * and which share of the jobs would have waited too long. The policy follows the cheapest rule that would have met the target.
 */

/** Columns with a number for each rule. */
export interface Rehearsal {
  ready: Float64Array
  starting: Float64Array
  /** Nodes on their way, by rule and by the tick in which they come up: a ring of `lags` places each. */
  coming: Uint16Array
  /** Slots' worth of jobs that are late: in the system, and would not be had none waited. */
  delayed: Float64Array
  removedAt: Float64Array
  /** Jobs that have started, of all that ever arrived, and the tick in which the one at the head of the queue arrived. */
  startedJobs: Float64Array
  headTick: Float64Array
  /** Jobs that had arrived by the end of each of the last ticks, and when that was: rings. */
  arrived: Float64Array
  times: Float64Array
  /** What it cost and how many jobs were late, fading. */
  nodeSeconds: Float64Array
  late: Float64Array
  jobs: number
  /** Jobs that really were late, and that the paper fleet of the rule in force had late, of as many that started; fading. */
  started: number
  reallyLate: number
  supposedlyLate: number
  tick: number
  chosen: number
}

// Names of the module are found faster than those of the global object, and all this is done for each rule at each tick.
const count = rules.length
const { ceil, exp, max, min, round, sqrt } = Math

/** Ticks that a node may be on its way on paper; a longer cold start is rehearsed as this one. */
const lags = 256
/** Ticks for which it is known when jobs arrived; who waits longer is late by any target. */
const span = 2048
const memorySeconds = 12 * 3600
/** 95 of 100 jobs shall start within the target. */
export const lateShare = 0.05
/** Another rule must have been cheaper by this much before the policy changes over. */
const betterBy = 0.02
/** What a change of the fleet's size counts for, in cold starts and jobs of one node: it is worth something to leave things as they are. */
const changeCost = 3
/** Rules whose late jobs differ by no more than this are late alike. */
const lateAlike = 1.02
/** How long a node that leaves is not fully used, in jobs. */
const leavingCost = 0.5

export interface RehearsalTick {
  seconds: number
  nowSeconds: number
  arrivedJobs: number
  startedJobs: number
  lateJobs: number
  /** Slots that would be in use had no job waited. */
  offered: number
  /** Forecast of it for when a node comes up that is asked for now. */
  load: number
  /** The peak that each rule holds a share of. */
  peakOf: (holdSeconds: number) => number
  serviceSeconds: number
  coldStartSeconds: number
  targetWaitSeconds: number
  cooldownSeconds: number
  slotsPerNode: number
  min: number
  max: number
}

export const makeRehearsal = (min: number): Rehearsal => ({
  ready: new Float64Array(count).fill(min),
  starting: new Float64Array(count),
  coming: new Uint16Array(count * lags),
  delayed: new Float64Array(count),
  removedAt: new Float64Array(count).fill(-1e12),
  startedJobs: new Float64Array(count),
  headTick: new Float64Array(count),
  arrived: new Float64Array(span),
  times: new Float64Array(span),
  nodeSeconds: new Float64Array(count),
  late: new Float64Array(count),
  jobs: 0,
  started: 0,
  reallyLate: 0,
  supposedlyLate: 0,
  tick: 0,
  chosen: rules.findIndex(
    ({ headroom, holdShare, holdSeconds, patience }) =>
      headroom === 1 && holdShare === 1 && holdSeconds === 300 && patience === 0.5,
  ),
})

const headroomOf = Float64Array.from(rules, ({ headroom }) => headroom)
const shareOf = Float64Array.from(rules, ({ holdShare }) => holdShare)
const windows = [...new Set(rules.map(({ holdSeconds }) => holdSeconds))]
const windowOf = Uint16Array.from(rules, ({ holdSeconds }) => windows.indexOf(holdSeconds))

/** Carries all fleets on by one tick, and chooses. */
export function rehearse(rehearsal: Rehearsal, tick: RehearsalTick): void {
  const { ready, starting, coming, delayed, removedAt, nodeSeconds, late } = rehearsal
  const { startedJobs, headTick, arrived, times } = rehearsal
  const { seconds, offered, load, serviceSeconds, slotsPerNode, coldStartSeconds } = tick
  const fade = 0.5 ** (seconds / memorySeconds)
  rehearsal.tick++
  const place = rehearsal.tick % lags
  const lag = min(lags - 1, max(1, round(coldStartSeconds / seconds)))
  const later = (rehearsal.tick + lag) % lags
  const { targetWaitSeconds } = tick
  const now = rehearsal.tick
  const arrivedNow = (arrived[(now - 1) % span] as number) + tick.arrivedJobs
  arrived[now % span] = arrivedNow
  times[now % span] = tick.nowSeconds
  const turns = seconds / serviceSeconds
  const lasting = exp(-turns)
  const slack = 1 + tick.targetWaitSeconds / serviceSeconds
  // The fluid knows how many came within a tick, not when nor how long each takes: what it does not see of the spread.
  const unseen = 1 - (0.5 * serviceSeconds) / (serviceSeconds + seconds)
  const spread = sqrt(max(load, 0))
  const remains = exp(-coldStartSeconds / serviceSeconds)
  const situation: Situation = {
    inSystem: 0,
    supply: 0,
    load,
    serviceSeconds,
    coldStartSeconds,
    remains,
    drainSeconds: serviceSeconds,
  }
  const peaks = windows.map(tick.peakOf)
  let lateOfChosen = 0
  const turnover = coldStartSeconds + serviceSeconds
  // Who lets jobs wait for less than that wants a fleet that follows the load.
  const costOfChange = changeCost * turnover * min(1, targetWaitSeconds / turnover) ** 2

  for (let r = 0; r < count; r++) {
    const rule = rules[r] as (typeof rules)[number]
    const came = coming[r * lags + place] as number
    coming[r * lags + place] = 0
    let up = (ready[r] as number) + came
    let onWay = (starting[r] as number) - came
    let behind = delayed[r] as number
    const slots = up * slotsPerNode
    const inSystem = offered + behind
    behind = inSystem > slots ? max(0, behind + (offered - slots) * turns) : behind * lasting
    delayed[r] = behind

    // Jobs start in the order of their arrival: those that wait are the last that came.
    const waiting = max(0, offered + behind - slots)
    const before = startedJobs[r] as number
    const after = max(before, arrivedNow - waiting)
    startedJobs[r] = after
    let lateNow = 0
    if (after > before) {
      const middle = (before + after) / 2
      let head = max(headTick[r] as number, now - span + 1)
      while (head < now && (arrived[head % span] as number) < middle) head++
      headTick[r] = head
      const waited = tick.nowSeconds - (times[head % span] as number)
      const isLate = waited > targetWaitSeconds && waiting > 0
      let share = isLate ? 1 : 0
      if (!isLate && (onWay === 0 || waiting === 0)) {
        const z =
          slots > 0 ? (slots * slack - offered - behind) / sqrt((offered + behind) * unseen + 1e-6) : -9
        if (z < 5) share = upperTail(z)
      }
      lateNow = (after - before) * share
    }
    late[r] = (late[r] as number) * fade + lateNow
    if (r === rehearsal.chosen) lateOfChosen = lateNow

    const have = up + onWay
    situation.inSystem = offered + behind
    situation.supply = have * slotsPerNode
    const wantedSlots = max(
      load + (headroomOf[r] as number) * spread,
      (shareOf[r] as number) * (peaks[windowOf[r] as number] as number),
      slotsForQueue(situation, withinSeconds(rule, tick), rule.worksOff),
    )
    const wanted = min(tick.max, max(tick.min, ceil(wantedSlots / slotsPerNode - 0.001)))
    let cost = 0
    if (wanted > have) {
      coming[r * lags + later] = (coming[r * lags + later] as number) + wanted - have
      onWay += wanted - have
      cost = costOfChange
    } else if (wanted < have && tick.nowSeconds - (removedAt[r] as number) >= tick.cooldownSeconds) {
      const busy = ceil(min(offered + behind, slots) / slotsPerNode)
      const stays = max(0, wanted - onWay, min(busy, up))
      if (stays < up) {
        cost = costOfChange + leavingCost * (up - stays) * serviceSeconds
        up = stays
        removedAt[r] = tick.nowSeconds
      }
    }
    ready[r] = up
    starting[r] = onWay
    nodeSeconds[r] = (nodeSeconds[r] as number) * fade + (up + onWay) * seconds + cost
  }
  rehearsal.jobs = rehearsal.jobs * fade + tick.arrivedJobs
  rehearsal.started = rehearsal.started * fade + tick.startedJobs
  rehearsal.reallyLate = rehearsal.reallyLate * fade + tick.lateJobs
  rehearsal.supposedlyLate = rehearsal.supposedlyLate * fade + lateOfChosen
  rehearsal.chosen = choose(rehearsal)
}

/** How long a queue may take once new nodes are up, in s. */
export const withinSeconds = (
  { patience, coldStarts }: { patience: number; coldStarts: number },
  times: { targetWaitSeconds: number; coldStartSeconds: number },
): number => patience * times.targetWaitSeconds + coldStarts * times.coldStartSeconds

/** Jobs that weigh as much as what was measured: before, paper is believed. */
const priorLate = 20

/** The share of late jobs that is allowed on paper, so that the real one is what it shall be: paper may err, and by how much has been seen. */
export function allowedShare({ reallyLate, supposedlyLate }: Rehearsal): number {
  const bias = (supposedlyLate + priorLate) / (reallyLate + priorLate)
  return lateShare * min(4, max(0.25, bias))
}

/** The cheapest that meets the target; when none does, of those that are late least the one in force, else the most generous. */
function choose(rehearsal: Rehearsal): number {
  const { jobs, late, nodeSeconds, chosen } = rehearsal
  if (jobs < 1) return chosen
  const mostLate = allowedShare(rehearsal) * jobs
  let best = -1
  let leastLate = 0
  for (let r = 0; r < count; r++) {
    const isMet = (late[r] as number) <= mostLate
    if (isMet && (best < 0 || (nodeSeconds[r] as number) < (nodeSeconds[best] as number))) best = r
    if ((late[r] as number) < (late[leastLate] as number) * 0.999) leastLate = r
  }
  if (best < 0) return mostGenerous(rehearsal, (late[leastLate] as number) * lateAlike)
  const isStillGood = (late[chosen] as number) <= mostLate
  return isStillGood && (nodeSeconds[chosen] as number) <= (nodeSeconds[best] as number) * (1 + betterBy)
    ? chosen
    : best
}

/** Of the rules with at most so many late jobs: a fleet that is late anyway, as at the very start, is no reason to hold less of it. */
function mostGenerous({ late, nodeSeconds, chosen }: Rehearsal, mostLate: number): number {
  if ((late[chosen] as number) <= mostLate) return chosen
  let best = -1
  for (let r = 0; r < count; r++) {
    if ((late[r] as number) > mostLate) continue
    if (best < 0 || (nodeSeconds[r] as number) > (nodeSeconds[best] as number)) best = r
  }
  return best
}

/** The share of a normal distribution above z (Abramowitz and Stegun, 26.2.17). */
function upperTail(z: number): number {
  if (z < 0) return 1 - upperTail(-z)
  const t = 1 / (1 + 0.231_641_9 * z)
  const density = 0.398_942_28 * exp((-z * z) / 2)
  return (
    density *
    t *
    (0.319_381_53 + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))))
  )
}
