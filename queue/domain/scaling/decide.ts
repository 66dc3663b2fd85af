import { cooldownOf, meanService, type ScalingHistory, slotsOf } from './history.ts'
import { nameOf } from './forecast.ts'
import { limitsAt } from './scheduled-limits.ts'
import { peakOver } from './peaks.ts'
import type { ScalingPolicy } from './policy.ts'
import { allowedShare, withinSeconds } from './rehearsal.ts'
import { rules, season, slotsForQueue, type Situation } from './rules.ts'
import type { Demand, Fleet, TierSignals, Usage } from './signals.ts'

export interface Decision {
  /** Nodes that shall be there, those that leave not counted. */
  desired: number
  /** Why, in a sentence with its numbers. */
  reason: string
  /** The numbers; null for what is not known. */
  inputs: Record<string, number | string | null>
  /** True when nothing could be decided because something is unknown; then `desired` is as before. */
  isHeld: boolean
}

/** A number of nodes, and what it is for. */
interface Want {
  nodes: number
  why: string
}

/**
 * How many nodes a tier shall have. Pure: the same signals, policy and history give the same decision; `learn` keeps the history and `noteDecision` tells it
 * what was decided. What is unknown changes nothing: the fleet is kept as it was last decided, within the limits.
 */
export function decide(signals: TierSignals, policy: ScalingPolicy, history: ScalingHistory): Decision {
  const limits = limitsAt(policy, signals.nowMs)
  const { override } = policy
  const inputs: Decision['inputs'] = { mode: policy.mode, min: limits.min, max: limits.max }
  if (override && signals.nowMs < override.untilMs) {
    const until = new Date(override.untilMs).toISOString()
    return {
      desired: override.replicas,
      reason: `${nodesText(override.replicas)} by override, until ${until}.`,
      inputs,
      isHeld: false,
    }
  }
  const clamp = (nodes: number): number => Math.min(limits.max, Math.max(limits.min, nodes))
  if (policy.mode === 'manual') {
    const replicas = policy.replicas ?? history.desired ?? limits.min
    return {
      desired: clamp(replicas),
      reason: `${nodesText(clamp(replicas))} set by hand.`,
      inputs,
      isHeld: false,
    }
  }
  const { demand, fleet } = signals
  if (!demand || !fleet) {
    const kept = clamp(history.desired ?? (fleet ? haveOf(fleet) : limits.min))
    const unknown = [demand ? [] : 'the demand', fleet ? [] : 'the fleet'].flat().join(' and ')
    return { desired: kept, reason: `${nodesText(kept)} kept: ${unknown} is unknown.`, inputs, isHeld: true }
  }
  const { used, leaving, waiting, unfit } = slotsOf(demand.tasks, fleet.slotsPerNode)
  // What runs on nodes that leave ends there: it takes no slot of those that stay.
  const staying = used - leaving
  const have = haveOf(fleet)
  Object.assign(inputs, {
    waitingJobs: sum(demand, ({ waiting: jobs }) => jobs),
    runningJobs: sum(demand, ({ running }) => running),
    unfitJobs: unfit,
    ready: fleet.ready,
    starting: fleet.startingSeconds.length,
    draining: fleet.draining,
  })
  const want =
    policy.mode === 'queueDepth'
      ? wantByDepth(demand, policy)
      : wantByWait({ demand, fleet, used: staying, waiting }, policy, history, inputs, signals.nowMs)
  const hasWork = sum(demand, ({ waiting: jobs, running }) => jobs + running) > 0
  const wants = [want, ...(hasWork ? wantByUse(signals.usage, fleet, policy) : [])]
  const most = wants.reduce((best, one) => (one.nodes > best.nodes ? one : best))
  const reason = withLimits(most, limits)
  const settled = settle(
    clamp(most.nodes),
    { have, used: staying, waiting, fleet, demand },
    policy,
    history,
    signals.nowMs,
  )
  return { desired: settled.nodes, reason: `${reason}${settled.why}`, inputs, isHeld: false }
}

const haveOf = (fleet: Fleet): number => fleet.ready + fleet.startingSeconds.length

const sum = (demand: Demand, of: (task: Demand['tasks'][number]) => number): number =>
  demand.tasks.reduce((total, task) => total + of(task), 0)

function wantByDepth(demand: Demand, { jobsPerNode }: ScalingPolicy): Want {
  const jobs = sum(demand, ({ waiting, running }) => waiting + running)
  const nodes = Math.ceil(jobs / jobsPerNode)
  return { nodes, why: `${String(jobs)} waiting and running jobs, ${String(jobsPerNode)} for each node` }
}

/**
 * Nodes are added until no resource is used over the upper threshold; those on which something else works stay. In a tier without work it says nothing: what is used
 * there is what nodes need for themselves, or what others do on their machines, and a node more would change neither.
 */
function wantByUse(usage: Usage | null, fleet: Fleet, { thresholds }: ScalingPolicy): Want[] {
  if (!usage || fleet.ready === 0) return []
  const busy: Want = {
    nodes: usage.busyWithoutJobs,
    why: `${nodesText(usage.busyWithoutJobs)} without jobs are used over ${percent(thresholds.down)}`,
  }
  const uses = { CPU: usage.cpu, memory: usage.memory, GPU: usage.gpu ?? 0 }
  const byUse = Object.entries(uses).flatMap(([name, use]) => {
    const nodes = Math.ceil((fleet.ready * use) / thresholds.up - 0.001)
    const text = `${name} of ${nodesText(fleet.ready)} is used to ${percent(use)}, with a threshold of ${percent(thresholds.up)}`
    return use > thresholds.down ? [{ nodes, why: text }] : []
  })
  return [busy, ...byUse]
}

/** The nodes that the rule in force wants, and what deadlines ask for beside it. */
function wantByWait(
  now: { demand: Demand; fleet: Fleet; used: number; waiting: number },
  policy: ScalingPolicy,
  history: ScalingHistory,
  inputs: Decision['inputs'],
  nowMs: number,
): Want {
  const { demand, fleet, used, waiting } = now
  const { coldStartSeconds, slotsPerNode } = fleet
  const { load } = history.forecast
  const { rehearsal } = history
  const rule = rules[rehearsal.chosen] ?? rules[0]
  if (!rule) throw new Error('There are no scaling rules.')
  const serviceSeconds = meanService(history, demand.tasks)
  const targetWaitSeconds = policy.targetWaitMs / 1000
  const due = dueWithin(demand, coldStartSeconds)
  const situation: Situation = {
    inSystem: used + waiting + due,
    supply: haveOf(fleet) * slotsPerNode,
    load,
    serviceSeconds,
    coldStartSeconds,
    remains: Math.exp(-coldStartSeconds / serviceSeconds),
    drainSeconds: drainOf(demand, serviceSeconds),
  }
  const headroom = load + rule.headroom * Math.sqrt(load)
  const peak = peakOver(history.peaks, rule.holdSeconds)
  const held = rule.holdShare * peak
  const within = withinSeconds(rule, { targetWaitSeconds, coldStartSeconds })
  const queue = slotsForQueue(situation, within, rule.worksOff)
  const deadline = slotsForDeadlines(situation, demand, slotsPerNode)
  Object.assign(inputs, {
    usedSlots: round(used),
    waitingSlots: round(waiting),
    dueSlots: round(due),
    waitingSlotSeconds: round(sum(demand, (task) => task.waiting * task.slots * task.serviceSeconds)),
    oldestWaitSeconds: round(demand.tasks.reduce((most, task) => Math.max(most, task.oldestWaitSeconds), 0)),
    serviceSeconds: round(serviceSeconds),
    coldStartSeconds: round(coldStartSeconds),
    targetWaitSeconds,
    forecastSlots: round(load),
    forecastBy: nameOf(history.forecast),
    loadSlots: round(headroom),
    heldSlots: round(held),
    queueSlots: round(queue),
    deadlineSlots: round(deadline),
    lateShareOfRule: round((rehearsal.late[rehearsal.chosen] ?? 0) / Math.max(1, rehearsal.jobs)),
    lateShareAllowed: round(allowedShare(rehearsal)),
    lateShareMeasured: rehearsal.started > 1 ? round(rehearsal.reallyLate / rehearsal.started) : null,
    learntSeconds: Math.round(history.seconds),
    at: new Date(nowMs).toISOString(),
  })
  const slotsText = (slots: number): string => `${String(round(slots))} slots`
  const options: { slots: number; why: string }[] = [
    {
      slots: headroom,
      why: `${slotsText(headroom)} for the load in ${seconds(coldStartSeconds)} (${slotsText(load)} forecast as ${nameOf(history.forecast)}, ${rule.headroom < 0 ? 'less' : 'and'} ${String(Math.abs(rule.headroom))} deviations)`,
    },
    {
      slots: held,
      why: `${percent(rule.holdShare)} of the peak of ${slotsText(peak)} ${rule.holdSeconds === season ? 'at this time on days before' : `in the last ${seconds(rule.holdSeconds)}`} kept, since fewer would have missed the target of ${seconds(targetWaitSeconds)} or cost more`,
    },
    {
      slots: queue,
      why: `${slotsText(waiting + due)} of jobs wait or become due, which the nodes that are there do not get through in the ${seconds(coldStartSeconds)} that another takes to start`,
    },
    { slots: deadline, why: `${slotsText(deadline)} for waiting jobs to start before they expire` },
  ]
  const most = options.reduce((best, one) => (one.slots > best.slots ? one : best))
  return { nodes: Math.ceil(most.slots / slotsPerNode - 0.001), why: most.why }
}

/** Slots of delayed jobs that become due while a node would start. */
function dueWithin(demand: Demand, horizonSeconds: number): number {
  return sum(demand, ({ due, slots }) => {
    const soon = due.reduce((jobs, one) => (one.inSeconds <= horizonSeconds ? one.jobs : jobs), 0)
    return soon * slots
  })
}

/**
 * How fast slots come free, as the mean time that a job has left: the mean service time, shorter, at most by half, when the running jobs are nearer
 * to their end than such jobs are at any time.
 */
function drainOf(demand: Demand, serviceSeconds: number): number {
  let left = 0
  let usual = 0
  for (const task of demand.tasks) {
    left += task.running * task.slots * task.remainingSeconds
    usual += task.running * task.slots * task.usualRemainingSeconds
  }
  return usual > 0 ? serviceSeconds * Math.min(1, Math.max(0.5, left / usual)) : serviceSeconds
}

/** Slots that let the waiting jobs start before they expire, as far as a node that is asked for now can help; 0 when they will anyway. */
function slotsForDeadlines(situation: Situation, demand: Demand, slotsPerNode: number): number {
  let most = 0
  for (const task of demand.tasks) {
    if (task.slots > slotsPerNode) continue
    for (const { inSeconds, jobs } of task.expiring) {
      const within = inSeconds - situation.coldStartSeconds
      if (jobs > 0 && within >= 0) most = Math.max(most, slotsForQueue(situation, within))
    }
  }
  return most
}

function withLimits(
  { nodes, why }: Want,
  limits: { min: number; max: number; isScheduled: boolean },
): string {
  const by = limits.isScheduled ? ' of the schedule' : ''
  if (nodes > limits.max) return `${nodesText(limits.max)}, the most${by}; ${String(nodes)} wanted: ${why}.`
  if (nodes < limits.min) return `${nodesText(limits.min)}, the least${by}; ${String(nodes)} wanted: ${why}.`
  return `${nodesText(nodes)}: ${why}.`
}

/** Bounds the step, which no forecast may make larger, but jobs that wait may; waits out the cooldown, and keeps what works. */
function settle(
  wanted: number,
  now: { have: number; used: number; waiting: number; fleet: Fleet; demand: Demand },
  policy: ScalingPolicy,
  history: ScalingHistory,
  nowMs: number,
): Want {
  const { have, fleet } = now
  if (wanted > have) {
    const most = have + Math.max(4, have, Math.ceil(now.waiting / fleet.slotsPerNode))
    return wanted > most
      ? {
          nodes: most,
          why: ` First ${nodesText(most)}: at most twice as many at once, or a slot for each job that waits.`,
        }
      : { nodes: wanted, why: '' }
  }
  if (wanted === have) return { nodes: wanted, why: '' }
  const serviceSeconds = meanService(history, now.demand.tasks)
  const cooldownSeconds =
    policy.mode === 'queueDepth'
      ? policy.cooldownSeconds
      : cooldownOf(policy, fleet.coldStartSeconds, serviceSeconds)
  const sinceSeconds = history.removedAtMs === null ? Infinity : (nowMs - history.removedAtMs) / 1000
  // A clock that went back counts as no time passed.
  if (sinceSeconds < cooldownSeconds)
    return {
      nodes: have,
      why: ` ${nodesText(have)} kept: the last removal was ${seconds(Math.max(0, sinceSeconds))} ago, with a cooldown of ${seconds(cooldownSeconds)}.`,
    }
  const busy = Math.ceil(now.used / fleet.slotsPerNode) + fleet.startingSeconds.length
  const nodes = Math.max(wanted, Math.min(have, busy))
  return nodes > wanted
    ? { nodes, why: ` ${nodesText(nodes)} kept: that many work or are starting.` }
    : { nodes, why: '' }
}

const round = (value: number): number => Math.round(value * 100) / 100
const percent = (share: number): string => `${String(Math.round(share * 100))} %`
const nodesText = (nodes: number): string => `${String(nodes)} ${nodes === 1 ? 'node' : 'nodes'}`
const seconds = (value: number): string =>
  value >= 7200
    ? `${String(Math.round(value / 3600))} h`
    : value >= 180
      ? `${String(Math.round(value / 60))} min`
      : `${String(round(value))} s`
