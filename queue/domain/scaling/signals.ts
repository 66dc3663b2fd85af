/*
 * What is known about a tier when its size is decided. `null` means unknown (it could not be read, or is too old) and is never taken for 0.
 */

export interface TierSignals {
  tier: string
  /** When the decision is made, by the clock of the record; ms since 1970. */
  nowMs: number
  demand: Demand | null
  fleet: Fleet | null
  /** Where nodes do not tell, the thresholds do not act. */
  usage: Usage | null
}

/** Work that nodes of the tier could do. What something else than slots holds back is no demand: a node more would not start it. */
export interface Demand {
  tasks: readonly TaskDemand[]
  /** Since the last signals. */
  arrivals: Arrivals
  /** Jobs that started since the last signals, and how many of them had waited longer than the target. */
  starts: { jobs: number; late: number }
}

export interface TaskDemand {
  task: string
  /** Jobs that could start now, were a slot free. */
  waiting: number
  oldestWaitSeconds: number
  running: number
  /** Of them: how many run on nodes that take no more jobs, and leave with them. */
  leaving: number
  /** Mean time until the running ones end, in s. */
  remainingSeconds: number
  /** What that is for jobs of this task at any time, in s. */
  usualRemainingSeconds: number
  /** Expected time that a job holds its slots, in s. */
  serviceSeconds: number
  /** Slots of a node that one job takes, as its resources say; more than a node has means that it runs on none, and is no demand. */
  slots: number
  /** Of the waiting: how many expire within so many seconds, ascending, each counting those before. */
  expiring: readonly { inSeconds: number; jobs: number }[]
  /** Delayed and scheduled jobs that become due within so many seconds, ascending, each counting those before. */
  due: readonly { inSeconds: number; jobs: number }[]
}

export interface Arrivals {
  jobs: number
  /** Slots that they ask for, and slot-seconds that they are expected to take. */
  slots: number
  slotSeconds: number
}

export interface Fleet {
  slotsPerNode: number
  /** Nodes that take jobs. */
  ready: number
  /** Nodes that were asked for, each by its age in s: they are supply that is on its way. */
  startingSeconds: readonly number[]
  /** Nodes that take no more jobs, and go when the last has ended. */
  draining: number
  /** From asking for a node to its first claim, in s; the 90th percentile of what was measured. */
  coldStartSeconds: number
}

/** Mean use of the ready nodes, 0 to 1. `gpu` is null in a tier without. */
export interface Usage {
  cpu: number
  memory: number
  gpu: number | null
  /** Nodes without a job whose use of something is over the lower threshold all the same. */
  busyWithoutJobs: number
}
