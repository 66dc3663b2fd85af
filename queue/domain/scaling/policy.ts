/** How often it is decided, in s: often enough that nodes which start within seconds are not waited for longer than they take. */
export const decisionSeconds = 2.5

/** How a tier is scaled. Fields are those of the API; times are in the unit that they end with. */
export interface ScalingPolicy {
  mode: ScalingMode
  min: number
  /** Over `min` or equal; 0 for both switches the tier off. */
  max: number
  /** 95 of 100 jobs shall start within it; with `auto` and `dryRun`. */
  targetWaitMs: number
  /**
   * Least time between two removals of nodes; adding nodes never waits. With `auto` it is shorter where nodes start fast: a node that is kept longer than
   * it takes to start one costs more than it spares.
   */
  cooldownSeconds: number
  /** With `manual`: nodes wanted. */
  replicas?: number
  /** With `queueDepth`: waiting and running jobs for each node. */
  jobsPerNode: number
  /** Use of CPU, memory or GPU, 0 to 1: above `up` nodes are added until it is there; a node without jobs counts as idle below `down`. */
  thresholds: { up: number; down: number }
  /** Other limits at set times. */
  schedules: readonly ScheduledLimits[]
  /** So many nodes until then (ms since 1970), whatever the mode and the limits. */
  override?: { replicas: number; untilMs: number }
  /** What of it does not go together, and how that is taken; each decision says so. */
  misfit?: string
}

/**
 * `auto` meets the target wait with the fewest nodes; `queueDepth` follows the number of jobs; `manual` keeps `replicas`; `dryRun` decides as `auto`
 * does, for nobody to act on.
 */
export const scalingModes = ['auto', 'queueDepth', 'manual', 'dryRun'] as const
export type ScalingMode = (typeof scalingModes)[number]

/** From each time that the cron expression names, in its time zone, for so many minutes. Of several that hold the last in the list counts, limit by limit. */
export interface ScheduledLimits {
  cron: string
  timezone: string
  minutes: number
  min?: number
  max?: number
}

export const defaultPolicy: ScalingPolicy = {
  mode: 'auto',
  min: 2,
  max: 16,
  targetWaitMs: 5000,
  cooldownSeconds: 300,
  jobsPerNode: 10,
  thresholds: { up: 0.8, down: 0.3 },
  schedules: [],
}
