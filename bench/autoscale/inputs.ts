import { toWorkload, type Workload, type WorkloadJob } from '../../ops/autoscale/simulate/workload.ts'
import { exponential, makeRandom, pareto } from './random.ts'
import { readTrace } from './traces.ts'

/** Something that a fleet has to cope with. Times are in s. */
export interface Input {
  name: string
  what: string
  coldStartSeconds: number
  slotsPerNode: number
  min: number
  max: number
  /** Fewer targets are enough. */
  isLong?: boolean
  make: () => Workload
}

const hour = 3600
const day = 24 * hour
const fleet = { slotsPerNode: 4, min: 1, max: 40 }

/** Arrivals of a Poisson process whose rate changes with time, by thinning (Lewis and Shedler, 1979). */
function arrivals(
  random: () => number,
  seconds: number,
  most: number,
  rate: (at: number) => number,
): number[] {
  const times: number[] = []
  for (let at = exponential(random, 1 / most); at < seconds; at += exponential(random, 1 / most)) {
    if (random() * most < rate(at)) times.push(at)
  }
  return times
}

function steady(seed: number): Workload {
  const random = makeRandom(seed)
  return toWorkload(
    arrivals(random, 6 * hour, 1, () => 1).map((at) => ({ at, serviceSeconds: exponential(random, 20) })),
  )
}

/** Two weeks of days: five times as much at noon as at night, weekends at 40 %, and each hour a scheduled batch of 60 jobs. */
function days(seed: number): Workload {
  const random = makeRandom(seed)
  const rate = (at: number): number => {
    const isWeekend = Math.floor(at / day) % 7 >= 5
    const curve = 0.2 + 0.8 * Math.sin((Math.PI * (at % day)) / day) ** 2
    return 0.8 * curve * (isWeekend ? 0.4 : 1)
  }
  const jobs: WorkloadJob[] = arrivals(random, 14 * day, 0.8, rate).map((at) => ({
    at,
    serviceSeconds: exponential(random, 25),
    task: 'request',
  }))
  for (let at = hour; at < 14 * day; at += hour)
    for (let n = 0; n < 60; n++)
      jobs.push({ at: at + random() * 5, serviceSeconds: 20 + exponential(random, 20), task: 'hourly' })
  return toWorkload(jobs)
}

/** A calm of 0.2 jobs a second, and now and then, at no set time, a minute of twenty times as many. */
function bursts(seed: number, seconds = 24 * hour): Workload {
  const random = makeRandom(seed)
  const starts: number[] = []
  for (let at = exponential(random, 1200); at < seconds; at += 60 + exponential(random, 1200)) starts.push(at)
  let next = 0
  const rate = (at: number): number => {
    while ((starts[next] ?? Infinity) + 60 < at) next++
    return at >= (starts[next] ?? Infinity) ? 4 : 0.2
  }
  return toWorkload(
    arrivals(random, seconds, 4, rate).map((at) => ({ at, serviceSeconds: exponential(random, 15) })),
  )
}

function heavyTailed(seed: number): Workload {
  const random = makeRandom(seed)
  return toWorkload(
    arrivals(random, 24 * hour, 0.6, () => 0.6).map((at) => ({
      at,
      serviceSeconds: pareto(random, 30, 1.5, 2 * hour),
    })),
  )
}

/** As the bursts, and every other job is worth nothing unless it starts within three minutes. */
function deadlines(seed: number): Workload {
  const random = makeRandom(seed + 1)
  const workload = bursts(seed)
  for (let job = 0; job < workload.count; job++)
    if (random() < 0.5) workload.deadlineAt[job] = (workload.arrivalAt[job] as number) + 180
  return workload
}

/** For tuning; none of these is drawn with the seed that the report uses. */
export const generated = (seed: number): Input[] => [
  ...[5, 60, 300].map((coldStartSeconds) => ({
    name: `steady, cold start ${coldStartSeconds} s`,
    what: 'Poisson, 1 job/s of 20 s (exponential), 6 h',
    coldStartSeconds,
    ...fleet,
    make: () => steady(seed),
  })),
  {
    name: 'days, cold start 60 s',
    what: '14 days with day, night and weekend, and a batch of 60 jobs each hour; 25 s and 40 s a job',
    coldStartSeconds: 60,
    ...fleet,
    isLong: true,
    make: () => days(seed),
  },
  ...[5, 60, 300].map((coldStartSeconds) => ({
    name: `bursts, cold start ${coldStartSeconds} s`,
    what: '0.2 jobs/s of 15 s, and about every 21 min a minute of 20 times as many, 24 h',
    coldStartSeconds,
    ...fleet,
    make: () => bursts(seed),
  })),
  {
    name: 'heavy tail, cold start 60 s',
    what: 'Poisson, 0.6 jobs/s of 30 s on average, Pareto of shape 1.5 up to 2 h, 24 h',
    coldStartSeconds: 60,
    ...fleet,
    isLong: true,
    make: () => heavyTailed(seed),
  },
  {
    name: 'deadlines, cold start 60 s',
    what: 'as bursts; half of the jobs expire when they have not started within 3 min',
    coldStartSeconds: 60,
    ...fleet,
    isLong: true,
    make: () => deadlines(seed),
  },
]

/** Recorded arrivals. A job takes 0.2 s, 0.25 ms a context token and 50 ms a generated token. */
export const trace = (name: 'code' | 'conv', folder: string): Input[] =>
  [5, 60, 300].map((coldStartSeconds) => ({
    name: `${name}, cold start ${coldStartSeconds} s`,
    what: `Azure LLM inference, ${name}, 1 h`,
    coldStartSeconds,
    ...fleet,
    make: () => readTrace(`${folder}/AzureLLMInferenceTrace_${name}.csv`),
  }))
