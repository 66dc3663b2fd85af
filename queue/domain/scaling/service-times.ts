/*
 * How long jobs hold a slot, by task: histograms of logarithmic buckets that forget, as columns of numbers that can be stored. A task that ran seldom is
 * taken to be, in part, as the tier's other tasks are (shrinkage: James and Stein, 1961).
 */

/** Buckets of a quarter more each, from 1 ms to about 18 days. */
const buckets = 96
const leastSeconds = 0.001
const growth = 1.25
/** Jobs of a task that count as much as what is known of the tier. */
const priorJobs = 10
/** Each new job counts so much more than the one before: about the last 500 count. */
const fresher = 1 + 1 / 500
const largestUnit = 1e9
/** What is believed before any job has ended, in s. */
const unknownSeconds = 10

interface Histogram {
  /** What the newest job counted. */
  unit: number
  weight: number
  /** Weighted sum of seconds. */
  seconds: number
  counts: number[]
}

export interface ServiceTimes {
  tier: Histogram
  tasks: Map<string, Histogram>
}

export const makeServiceTimes = (): ServiceTimes => ({ tier: empty(), tasks: new Map() })

/** Takes note of a job that has ended, and of how long it held its slots. */
export function observe(times: ServiceTimes, task: string, seconds: number): void {
  let own = times.tasks.get(task)
  if (!own) times.tasks.set(task, (own = empty()))
  for (const histogram of [times.tier, own]) {
    histogram.unit *= fresher
    const bucket = bucketOf(seconds)
    histogram.counts[bucket] = (histogram.counts[bucket] ?? 0) + histogram.unit
    histogram.weight += histogram.unit
    histogram.seconds += seconds * histogram.unit
    if (histogram.unit > largestUnit) rescale(histogram)
  }
}

/** Expected service time of a job of the task, in s. */
export function meanSeconds(times: ServiceTimes, task: string): number {
  const own = times.tasks.get(task) ?? empty()
  const tierMean = times.tier.weight > 0 ? times.tier.seconds / times.tier.weight : unknownSeconds
  return (own.seconds / own.unit + priorJobs * tierMean) / (own.weight / own.unit + priorJobs)
}

/** What a share `p` of the task's jobs stay under, in s. */
export function quantileSeconds(times: ServiceTimes, task: string, p: number): number {
  const share = shares(times, task)
  if (!share) return unknownSeconds
  let below = 0
  for (let bucket = 0; bucket < buckets; bucket++) {
    below += share[bucket] ?? 0
    if (below >= p) return middleOf(bucket)
  }
  return middleOf(buckets - 1)
}

/**
 * How long a job of the task goes on, in s, by how long it has run: the mean of what those had left that ran as long. Beyond the longest so far it is as
 * long again, as holds for heavy tails.
 */
export function remainingBy(times: ServiceTimes, task: string): (ageSeconds: number) => number {
  const share = shares(times, task)
  if (!share) return (ageSeconds) => Math.max(unknownSeconds, ageSeconds)
  const weights = new Float64Array(buckets + 1)
  const totals = new Float64Array(buckets + 1)
  for (let bucket = buckets - 1; bucket >= 0; bucket--) {
    weights[bucket] = (weights[bucket + 1] as number) + (share[bucket] as number)
    totals[bucket] = (totals[bucket + 1] as number) + (share[bucket] as number) * middleOf(bucket)
  }
  return (ageSeconds) => {
    const longer = bucketOf(ageSeconds) + 1
    const weight = weights[longer] ?? 0
    return weight > 1e-6
      ? (totals[longer] as number) / weight - ageSeconds
      : Math.max(ageSeconds, leastSeconds)
  }
}

/** The mean time that a running job of the task has left at any time, in s: half the mean square over the mean. */
export function usualRemainingSeconds(times: ServiceTimes, task: string): number {
  const share = shares(times, task)
  if (!share) return unknownSeconds
  let mean = 0
  let square = 0
  share.forEach((weight, bucket) => {
    mean += weight * middleOf(bucket)
    square += weight * middleOf(bucket) ** 2
  })
  return mean > 0 ? square / (2 * mean) : leastSeconds
}

function shares(times: ServiceTimes, task: string): number[] | undefined {
  if (times.tier.weight === 0) return undefined
  const own = times.tasks.get(task) ?? empty()
  const total = own.weight / own.unit + priorJobs
  const { tier } = times
  return own.counts.map(
    (count, bucket) => (count / own.unit + (priorJobs * (tier.counts[bucket] ?? 0)) / tier.weight) / total,
  )
}

/** Before the numbers become too large to add to. */
function rescale(histogram: Histogram): void {
  histogram.counts = histogram.counts.map((count) => count / histogram.unit)
  histogram.weight /= histogram.unit
  histogram.seconds /= histogram.unit
  histogram.unit = 1
}

const empty = (): Histogram => ({
  unit: 1,
  weight: 0,
  seconds: 0,
  counts: new Array<number>(buckets).fill(0),
})

const bucketOf = (seconds: number): number =>
  Math.min(
    buckets - 1,
    Math.max(0, Math.floor(Math.log(Math.max(seconds, leastSeconds) / leastSeconds) / Math.log(growth))),
  )

const middleOf = (bucket: number): number => leastSeconds * growth ** (bucket + 0.5)
