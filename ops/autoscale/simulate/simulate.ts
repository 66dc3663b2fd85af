import { makeEventHeap } from './event-heap.ts'
import type { FleetChange, FleetView, SimulatedNode } from './fleet.ts'
import { type Workload, workOf } from './workload.ts'

/** What the simulated tier is made of. Times are in seconds. */
export interface FleetSettings {
  slotsPerNode: number
  min: number
  max: number
  /** How long the n-th node that is asked for takes until it takes jobs; counted from 0. */
  coldStart: (n: number) => number
}

/** A policy at work on one run. */
export interface Pilot {
  /** How often it is asked. */
  everySeconds: number
  /** Which node gets a job: the one that took one the longest ago, as with blocked consumers of a queue, or the one with the least room left. Default spread. */
  dispatch?: 'spread' | 'pack'
  steer(view: FleetView): FleetChange
  /** Told of each start of a job, for those who learn. */
  onStart?(job: number, waitSeconds: number): void
  /** Told of each end. */
  onEnd?(job: number): void
  onArrival?(job: number): void
}

export interface RunResult {
  /** By job: from its arrival to the start of the run that ended it, or to its expiry. */
  waitSeconds: Float64Array
  finished: number
  /** Jobs that did not start by their deadline; they expire. */
  deadlineMisses: number
  /** From the moment that a node is asked for to the one that it is gone. */
  nodeSeconds: number
  /** Times that a policy started or removed nodes. */
  scaleEvents: number
  /** Runs that scaling cut short; their jobs begin anew. */
  busyKills: number
  /** When the last job had ended. */
  endedAt: number
  /** Nodes that were paid for, each time that their number changed. */
  timeline: { at: number; nodes: number }[]
}

const waits = 0
const runs = 1
const over = 2

const jobEnds = 0
const jobExpires = 1
const nodeReady = 2
const graceEnds = 3

const longestWaitSeconds = 7 * 86_400

/**
 * Runs a workload on a fleet that a policy steers: jobs start in the order of their arrival on the node that took one the longest ago, as blocked
 * consumers of a queue do. The fleet begins with `min` nodes that are ready and the run ends when every job has ended. The same input gives the same result.
 */
export function simulate(workload: Workload, settings: FleetSettings, pilot: Pilot): RunResult {
  const { count, arrivalAt, serviceSeconds, deadlineAt, slots } = workload
  const isPacked = pilot.dispatch === 'pack'
  const state = new Uint8Array(count)
  const round = new Int32Array(count) // runs so far; an end of an earlier run is not the job's
  const nodeOf = new Int32Array(count)
  const waitSeconds = new Float64Array(count)
  const heap = makeEventHeap()
  const all: SimulatedNode[] = []
  let nodes: SimulatedNode[] = [] // that neither stopped nor leave
  let now = 0
  let arrived = 0
  let head = 0 // jobs before it are not waiting, but for those in `returned`
  let returned: number[] = []
  let waiting = 0
  let waitingSlots = 0
  let running = 0
  let usedSlots = 0
  let allUsedSlots = 0
  let draining = 0
  let finished = 0
  let deadlineMisses = 0
  let nodeSeconds = 0
  let scaleEvents = 0
  let busyKills = 0
  let endedAt = 0
  const timeline: RunResult['timeline'] = []
  const coldStarts: number[] = []
  let coldStartSeconds = settings.coldStart(0)

  const noteNodes = (): void => {
    const total = nodes.length + draining
    const last = timeline.at(-1)
    if (last?.at === now) last.nodes = total
    else if (last?.nodes !== total) timeline.push({ at: now, nodes: total })
  }
  const askForNode = (coldSeconds: number): void => {
    const isReady = coldSeconds <= 0
    const node: SimulatedNode = {
      id: all.length,
      state: isReady ? 'ready' : 'starting',
      askedAt: now,
      readyAt: now + coldSeconds,
      usedSlots: 0,
      jobs: [],
      idleSince: now + coldSeconds,
      tookAt: -Infinity,
    }
    all.push(node)
    nodes = [...nodes, node] // not in place: a policy may still hold the list
    if (!isReady) heap.put(node.readyAt, nodeReady, node.id, 0)
  }
  const stopNode = (node: SimulatedNode): void => {
    if (node.state === 'draining') draining--
    node.state = 'stopped'
    nodeSeconds += now - node.askedAt
    noteNodes()
  }
  const releaseSlots = (job: number, node: SimulatedNode): void => {
    const taken = slots[job] as number
    node.usedSlots -= taken
    node.jobs.splice(node.jobs.indexOf(job), 1)
    node.idleSince = now
    running--
    allUsedSlots -= taken
    if (node.state === 'ready') usedSlots -= taken
    else if (node.jobs.length === 0) stopNode(node) // it was draining
  }
  const killJobs = (node: SimulatedNode): void => {
    for (const job of [...node.jobs]) {
      busyKills++
      state[job] = waits
      waiting++
      waitingSlots += slots[job] as number
      returned.push(job)
      releaseSlots(job, node)
    }
  }
  const removeNode = (node: SimulatedNode, how: FleetChange['how']): void => {
    nodes = nodes.filter((one) => one !== node)
    if (node.jobs.length === 0) {
      stopNode(node)
      return
    }
    usedSlots -= node.usedSlots
    node.state = 'draining'
    draining++
    if (how === 'drain') return
    if (how <= 0) killJobs(node)
    else heap.put(now + how, graceEnds, node.id, 0)
  }

  /** The job that starts next; -1 when none waits. */
  const nextJob = (): number => {
    while (returned.length > 0) {
      const job = returned[0] as number
      if (state[job] === waits) return job
      returned = returned.slice(1)
    }
    while (head < arrived && state[head] !== waits) head++
    return head < arrived ? head : -1
  }
  const nodeFor = (wanted: number): SimulatedNode | undefined => {
    let best: SimulatedNode | undefined
    for (const node of nodes) {
      if (node.state !== 'ready' || node.usedSlots + wanted > settings.slotsPerNode) continue
      if (!best || (isPacked ? node.usedSlots > best.usedSlots : node.tookAt < best.tookAt)) best = node
    }
    return best
  }
  const startJobs = (): void => {
    while (waiting > 0) {
      const job = nextJob()
      const taken = slots[job] as number
      const node = nodeFor(taken)
      if (!node) return
      if (returned[0] === job) returned = returned.slice(1)
      state[job] = runs
      waiting--
      waitingSlots -= taken
      running++
      node.usedSlots += taken
      usedSlots += taken
      allUsedSlots += taken
      node.jobs.push(job)
      node.tookAt = now
      nodeOf[job] = node.id
      waitSeconds[job] = now - (arrivalAt[job] as number)
      round[job] = (round[job] as number) + 1
      heap.put(now + (serviceSeconds[job] as number), jobEnds, job, round[job])
      pilot.onStart?.(job, waitSeconds[job])
    }
  }
  const endJob = (job: number): void => {
    state[job] = over
    finished++
    endedAt = now
    releaseSlots(job, all[nodeOf[job] as number] as SimulatedNode)
    pilot.onEnd?.(job)
  }
  const expireJob = (job: number): void => {
    state[job] = over
    deadlineMisses++
    endedAt = now
    waiting--
    waitingSlots -= slots[job] as number
    waitSeconds[job] = now - (arrivalAt[job] as number)
  }
  const handle = (kind: number, subject: number, check: number): void => {
    if (kind === jobEnds) {
      if (state[subject] === runs && round[subject] === check) endJob(subject)
    } else if (kind === jobExpires) {
      if (state[subject] === waits) expireJob(subject)
    } else {
      const node = all[subject] as SimulatedNode
      if (kind === graceEnds) {
        if (node.state === 'draining') killJobs(node)
      } else if (node.state === 'starting') {
        node.state = 'ready'
        coldStarts.push(node.readyAt - node.askedAt)
        coldStartSeconds = p90(coldStarts.slice(-50)) ?? coldStartSeconds
      }
    }
  }
  const view = (): FleetView => {
    const job = waiting > 0 ? nextJob() : -1
    let ready = 0
    for (const node of nodes) if (node.state === 'ready') ready++
    return {
      now,
      slotsPerNode: settings.slotsPerNode,
      min: settings.min,
      max: settings.max,
      coldStartSeconds,
      nodes,
      ready,
      starting: nodes.length - ready,
      draining,
      waiting,
      waitingSlots,
      running,
      usedSlots,
      allUsedSlots,
      headWaitSeconds: job < 0 ? 0 : now - (arrivalAt[job] as number),
    }
  }
  const steer = (): void => {
    const { start, remove, how } = pilot.steer(view())
    if (start <= 0 && remove.length === 0) return
    scaleEvents++
    for (let n = 0; n < start; n++) askForNode(settings.coldStart(all.length - settings.min))
    for (const node of remove) removeNode(node, how)
    noteNodes()
  }

  for (let n = 0; n < settings.min; n++) askForNode(0)
  noteNodes()
  let nextTick = 0
  // No policy leaves a job for longer than all of them would take one after the other.
  const patienceEnds = (arrivalAt[count - 1] ?? 0) + 10 * workOf(workload) + longestWaitSeconds
  while (finished + deadlineMisses < count) {
    const arrivesAt = arrived < count ? (arrivalAt[arrived] as number) : Infinity
    const eventAt = heap.nextAt()
    // Ends before arrivals before ticks, so that what has just become free is used and what a policy sees is settled.
    if (eventAt <= arrivesAt && eventAt <= nextTick) {
      now = eventAt
      heap.take()
      handle(heap.kind, heap.subject, heap.check)
    } else if (arrivesAt <= nextTick) {
      now = arrivesAt
      const job = arrived++
      waiting++
      waitingSlots += slots[job] as number
      pilot.onArrival?.(job)
      const deadline = deadlineAt[job] as number
      if (deadline < Infinity) heap.put(deadline, jobExpires, job, 0)
    } else {
      now = nextTick
      if (now > patienceEnds) throw new Error(leftMessage(count - finished - deadlineMisses, now))
      nextTick += pilot.everySeconds
      steer()
    }
    startJobs()
  }
  for (const node of all) if (node.state !== 'stopped') nodeSeconds += now - node.askedAt
  return {
    waitSeconds,
    finished,
    deadlineMisses,
    nodeSeconds,
    scaleEvents,
    busyKills,
    endedAt,
    timeline,
  }
}

const leftMessage = (jobs: number, now: number): string =>
  `${String(jobs)} ${jobs === 1 ? 'job is' : 'jobs are'} left after ${String(Math.round(now))} s, and the policy does nothing about it.`

/** The 90th percentile; undefined of nothing. */
function p90(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * 0.9) - 1)]
}
