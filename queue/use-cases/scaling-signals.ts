import type { Node } from '../domain/node.ts'
import {
  makeServiceTimes,
  meanSeconds,
  observe,
  remainingBy,
  type ServiceTimes,
  usualRemainingSeconds,
} from '../domain/scaling/service-times.ts'
import type { Arrivals, Demand, TaskDemand, Usage } from '../domain/scaling/signals.ts'
import type { DemandRow, RunningRow, TierDemand } from '../store/jobs/read-demand.ts'
import type { QueueDeps } from './queue-deps.ts'

/** What is known of a tier at a look, besides the nodes that are on their way. */
export interface TierLook {
  demand: Demand
  usage: Usage | null
  /** Live nodes that serve the tier. */
  nodes: readonly Node[]
  slotsPerNode: number
  /** By node, how long until its jobs are over, in ms. */
  busyMs: ReadonlyMap<string, number>
}

export interface ScalingLook {
  /** By Postgres' clock. */
  now: Date
  tiers: ReadonlyMap<string, TierLook>
}

/** Looks at what is asked of each tier. Rejects when that can't be told: unknown is never nothing. */
export interface ScalingSignals {
  read(tiers: readonly TierTarget[], since: Date | null): Promise<ScalingLook>
}

export interface TierTarget {
  name: string
  targetWaitMs: number
  /** Above it a node without jobs counts as used all the same. */
  idleBelow: number
}

interface Need {
  cpu: number
  memoryMb: number
  gpu: number
}

/** What a node has for jobs, in all. */
interface NodeShape extends Need {
  slots: number
}

/** `usualSlots`: of a node of a tier that has none now. */
export function makeScalingSignals(
  deps: Pick<QueueDeps, 'jobs' | 'nodes' | 'tiers'>,
  usualSlots: number,
): ScalingSignals {
  const serviceTimes = new Map<string, ServiceTimes>()
  const shapes = new Map<string, NodeShape>()

  const timesOf = (tier: string): ServiceTimes => {
    const known = serviceTimes.get(tier) ?? makeServiceTimes()
    serviceTimes.set(tier, known)
    return known
  }

  function shapeOf(tier: string, nodes: readonly Node[]): NodeShape {
    const most = (of: (node: Node) => number): number => Math.max(...nodes.map(of))
    if (nodes.length > 0)
      shapes.set(tier, {
        cpu: most(({ cpus }) => cpus),
        memoryMb: most(({ memoryMb }) => memoryMb),
        gpu: most(({ gpus }) => gpus),
        slots: most(({ concurrency }) => concurrency),
      })
    const size = deps.tiers.find(({ name }) => name === tier) ?? { cpu: 1, memoryMb: 1, gpu: 0 }
    return shapes.get(tier) ?? { ...size, slots: usualSlots }
  }

  return {
    async read(targets, since) {
      const [told, live] = await Promise.all([
        deps.jobs.readDemand(
          targets.map(({ name }) => name),
          since,
        ),
        deps.nodes.listLive(),
      ])
      for (const { tier, task, seconds } of told.ended) observe(timesOf(tier), task, seconds)
      const tiers = targets.map((target) => {
        const nodes = live.filter((node) => node.tiers.includes(target.name))
        const shape = shapeOf(target.name, nodes)
        return [target.name, lookAt(told, target, nodes, shape, timesOf(target.name))] as const
      })
      return { now: told.now, tiers: new Map(tiers) }
    },
  }
}

function lookAt(
  told: TierDemand,
  { name, targetWaitMs, idleBelow }: TierTarget,
  nodes: readonly Node[],
  shape: NodeShape,
  times: ServiceTimes,
): TierLook {
  const demand = told.demand.filter(({ tier }) => tier === name)
  const running = told.running.filter(({ tier }) => tier === name)
  const leaving = new Set(nodes.filter(({ state }) => state !== 'ready').map(({ id }) => id))
  const started = told.started.filter(({ tier }) => tier === name)
  const waiting = demand.filter(({ kind }) => kind === 'waiting')
  const seen = waiting.reduce((sum, { jobs }) => sum + jobs, 0)
  // What is beyond the sample is taken to be as what is in it.
  const scale = seen > 0 ? 1 + (told.beyond.get(name) ?? 0) / seen : 1
  const arrived = demand.filter(({ kind }) => kind === 'arrived')
  return {
    demand: {
      tasks: tasksOf(
        waiting.map((row) => ({ ...row, jobs: Math.round(row.jobs * scale) })),
        demand.filter(({ kind }) => kind === 'due'),
        running,
        leaving,
        shape,
        times,
      ),
      arrivals: sumArrivals(arrived, shape, times),
      starts: {
        jobs: started.length,
        late: started.filter(({ waitedMs }) => waitedMs > targetWaitMs).length,
      },
    },
    usage: usageOf(nodes, idleBelow),
    nodes,
    slotsPerNode: shape.slots,
    busyMs: busyTimes(running, times),
  }
}

/** How many slots a job takes of a node: as much as its share of what it asks for most. */
function slotsFor(need: Need, shape: NodeShape): number {
  const share = (asked: number, has: number): number =>
    asked > 0 ? (has > 0 ? (asked / has) * shape.slots : Infinity) : 0
  return Math.max(
    1,
    share(need.cpu, shape.cpu),
    share(need.memoryMb, shape.memoryMb),
    share(need.gpu, shape.gpu),
  )
}

/** A row for each task and number of slots that its jobs take. */
function tasksOf(
  waiting: readonly DemandRow[],
  due: readonly DemandRow[],
  running: readonly RunningRow[],
  leaving: ReadonlySet<string>,
  shape: NodeShape,
  times: ServiceTimes,
): TaskDemand[] {
  interface Sum extends TaskDemand {
    leftSeconds: number
    expirings: number[]
    dues: number[]
  }
  const sums = new Map<string, Sum>()
  const sumOf = (row: Need & { task: string }): Sum => {
    const slots = slotsFor(row, shape)
    const key = `${String(slots)} ${row.task}`
    let sum = sums.get(key)
    if (!sum)
      sums.set(
        key,
        (sum = {
          ...{ task: row.task, slots, waiting: 0, oldestWaitSeconds: 0, running: 0, leaving: 0 },
          ...{ remainingSeconds: 0, usualRemainingSeconds: 0 },
          serviceSeconds: meanSeconds(times, row.task),
          ...{ expiring: [], due: [], leftSeconds: 0, expirings: [], dues: [] },
        }),
      )
    return sum
  }
  for (const row of waiting) {
    const sum = sumOf(row)
    sum.waiting += row.jobs
    sum.oldestWaitSeconds = Math.max(sum.oldestWaitSeconds, row.oldestWaitSeconds)
    sum.expirings.push(...row.inSeconds)
  }
  for (const row of due) sumOf(row).dues.push(...row.inSeconds)
  const left = remainingIn(times)
  for (const row of running) {
    const sum = sumOf(row)
    sum.running++
    if (leaving.has(row.nodeId)) sum.leaving++
    sum.leftSeconds += left(row)
  }
  return [...sums.values()].map(({ leftSeconds, expirings, dues, ...task }) => ({
    ...task,
    remainingSeconds: task.running > 0 ? leftSeconds / task.running : 0,
    usualRemainingSeconds: task.running > 0 ? usualRemainingSeconds(times, task.task) : 0,
    slots: task.running > 0 ? Math.min(task.slots, shape.slots) : task.slots, // it runs, so it fits
    expiring: cumulated(expirings),
    due: cumulated(dues),
  }))
}

/** Steps of 5 s at first, and the coarser the farther. */
function cumulated(seconds: readonly number[]): { inSeconds: number; jobs: number }[] {
  const steps = new Map<number, number>()
  seconds
    .toSorted((a, b) => a - b)
    .forEach((at, i) => {
      const step = at < 60 ? 5 : at < 300 ? 30 : 300
      steps.set(Math.ceil(at / step) * step, i + 1)
    })
  return [...steps].map(([inSeconds, jobs]) => ({ inSeconds, jobs }))
}

function sumArrivals(rows: readonly DemandRow[], shape: NodeShape, times: ServiceTimes): Arrivals {
  const sum: Arrivals = { jobs: 0, slots: 0, slotSeconds: 0 }
  for (const row of rows) {
    const slots = slotsFor(row, shape)
    if (slots > shape.slots) continue // it runs on no node of this tier
    sum.jobs += row.jobs
    sum.slots += row.jobs * slots
    sum.slotSeconds += row.jobs * slots * meanSeconds(times, row.task)
  }
  return sum
}

function usageOf(nodes: readonly Node[], idleBelow: number): Usage | null {
  const ready = nodes.filter(({ state }) => state === 'ready')
  const mean = (of: 'cpu' | 'memory' | 'gpu'): number | null => {
    const told = ready.map(({ use }) => use[of]).filter((use) => use !== null)
    return told.length === 0 ? null : told.reduce((sum, use) => sum + use, 0) / told.length
  }
  const [cpu, memory] = [mean('cpu'), mean('memory')]
  if (cpu === null || memory === null) return null
  const isUsed = ({ running, use }: Node): boolean =>
    running === 0 && Math.max(use.cpu ?? 0, use.memory ?? 0, use.gpu ?? 0) > idleBelow
  return { cpu, memory, gpu: mean('gpu'), busyWithoutJobs: ready.filter(isUsed).length }
}

function busyTimes(running: readonly RunningRow[], times: ServiceTimes): Map<string, number> {
  const busy = new Map<string, number>()
  const left = remainingIn(times)
  for (const row of running) busy.set(row.nodeId, Math.max(busy.get(row.nodeId) ?? 0, left(row) * 1000))
  return busy
}

/** How long a job that runs goes on, in s; a task's distribution is made once for all of its jobs. */
function remainingIn(times: ServiceTimes): (row: Pick<RunningRow, 'task' | 'ageSeconds'>) => number {
  const byTask = new Map<string, (ageSeconds: number) => number>()
  return ({ task, ageSeconds }) => {
    let left = byTask.get(task)
    if (!left) byTask.set(task, (left = remainingBy(times, task)))
    return left(ageSeconds)
  }
}
