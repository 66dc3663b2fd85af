import { noResources, type Resources } from './job.ts'

/** What jobs of a task that asked for the same have used. */
export interface TaskUse {
  tier: string
  task: string
  asked: Resources
  jobs: number
  /** What 95 of 100 did not exceed; null when nothing was measured. */
  cpu: number | null
  memoryMb: number | null
  /** Mean time that a job held what it asked for, in s. */
  seconds: number
}

export interface Advice {
  verdict: 'asks too much' | 'asks too little' | 'fits' | 'asks for nothing' | 'too few jobs'
  /** What it should ask for; null where nothing is known. */
  recommended: { cpu: number | null; memoryMb: number | null }
  /** CPU-seconds and MiB-seconds that a job would leave to others; less than 0 is what it takes of them now. */
  saving: { cpuSeconds: number; memoryMbSeconds: number }
}

/** Fewer tell little about one in twenty. */
const leastJobs = 20
/** Beyond what 95 of 100 use. */
const margin = 1.2
/** What differs by less is left alone. */
const tolerance = 0.25
const leastCpu = 0.1
const leastMemoryMb = 64

/** What a task should ask for, by what its jobs have used: the 95th percentile and a margin. */
export function advise({ asked, jobs, cpu, memoryMb, seconds }: TaskUse): Advice {
  const none = { recommended: { cpu: null, memoryMb: null }, saving: { cpuSeconds: 0, memoryMbSeconds: 0 } }
  if (jobs < leastJobs) return { verdict: 'too few jobs', ...none }
  const recommended = {
    cpu: cpu === null ? null : Math.max(leastCpu, roundUp(cpu * margin, leastCpu)),
    memoryMb: memoryMb === null ? null : Math.max(leastMemoryMb, roundUp(memoryMb * margin, leastMemoryMb)),
  }
  if (asked.cpu === 0 && asked.memoryMb === 0) return { ...none, verdict: 'asks for nothing', recommended }
  const ratios = [
    [asked.cpu, cpu, recommended.cpu],
    [asked.memoryMb, memoryMb, recommended.memoryMb],
  ].flatMap(([wanted, used, better]) =>
    wanted && used !== null && used !== undefined && better
      ? [{ short: used > wanted, over: wanted / better }]
      : [],
  )
  const saving = {
    cpuSeconds: asked.cpu && recommended.cpu ? (asked.cpu - recommended.cpu) * seconds : 0,
    memoryMbSeconds:
      asked.memoryMb && recommended.memoryMb ? (asked.memoryMb - recommended.memoryMb) * seconds : 0,
  }
  const verdict = ratios.some(({ short }) => short)
    ? 'asks too little'
    : ratios.some(({ over }) => over > 1 + tolerance)
      ? 'asks too much'
      : 'fits'
  return { verdict, recommended, saving }
}

/** What jobs of a task have used whose submissions did not say what they ask for. */
export interface DefaultUse {
  tier: string
  task: string
  jobs: number
  /** What 95 of 100 did not exceed; null when nothing was measured. */
  cpu: number | null
  memoryMb: number | null
  mostMemoryMb: number | null
  /** Some of them ran out of memory: those that did not tell too little then. */
  lackedMemory: boolean
}

/**
 * What a job that says nothing should ask for: as `advise`, but of memory no less than the largest used, for who exceeds it is killed. It is no less than what
 * its task declares, and no more than its tier has, so that it stays there.
 * @returns null where the declared is all there is to say
 */
export function defaultNeed(
  { jobs, cpu, memoryMb, mostMemoryMb, lackedMemory }: DefaultUse,
  declared: Partial<Resources>,
  tier: Resources,
): Resources | null {
  const largest = Math.max(memoryMb ?? 0, mostMemoryMb ?? 0)
  const use = { cpu, memoryMb: lackedMemory || largest === 0 ? null : largest }
  const { recommended } = advise({ ...use, tier: '', task: '', asked: noResources, jobs, seconds: 0 })
  if (recommended.cpu === null && recommended.memoryMb === null) return null
  const within = (wanted: number | null, least: number | undefined, most: number): number =>
    Math.max(least ?? 0, Math.min(most, wanted ?? 0))
  return {
    cpu: within(recommended.cpu, declared.cpu, tier.cpu),
    memoryMb: within(recommended.memoryMb, declared.memoryMb, tier.memoryMb),
    gpu: declared.gpu ?? 0,
  }
}

const roundUp = (value: number, step: number): number =>
  Number((Math.ceil(value / step - 1e-9) * step).toFixed(3))
