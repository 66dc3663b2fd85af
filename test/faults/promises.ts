import type { Journal } from './journal.ts'
import type { JobSnapshot } from './snapshot.ts'

/** A figure that the platform promises. */
export interface Promised {
  name: string
  unit: 'ms' | 'jobs/s' | '%'
  /** The worst that is allowed: most for times, least for rates and shares. */
  bound: number
  measured: number[]
}

/** Measurements of the promised figures, over all cycles. */
export interface Promises {
  add(promised: Omit<Promised, 'measured'>, ...values: number[]): void
  list(): Promised[]
}

export function makePromises(): Promises {
  const byName = new Map<string, Promised>()
  return {
    add(promised, ...values) {
      const known = byName.get(promised.name) ?? { ...promised, measured: [] }
      known.measured.push(...values)
      byName.set(promised.name, known)
    },
    list: () => [...byName.values()],
  }
}

export const isKept = ({ unit, bound, measured }: Promised): boolean =>
  measured.every((value) => (unit === 'ms' ? value <= bound : value >= bound))

/** From the death of a worker at `killedAt` until each job that it ran runs elsewhere, by Postgres' clock, in ms. */
export function failoverTimes(jobs: Iterable<Pick<JobSnapshot, 'events'>>, killedAt: number): number[] {
  return [...jobs].flatMap(({ events }) => {
    const back = events.findIndex(
      ({ reason, at }, i) =>
        reason === 'worker-lost' &&
        at.getTime() > killedAt &&
        (events[i - 1]?.at.getTime() ?? Infinity) <= killedAt,
    )
    const again = back === -1 ? undefined : events.slice(back).find(({ state }) => state === 'running')
    return again ? [again.at.getTime() - killedAt] : []
  })
}

/** From `backAt`, by our clock, to the first 202 after it; empty when none came. */
export function firstAcceptance({ acceptedAt }: Journal, backAt: number): number[] {
  const first = acceptedAt.find((at) => at >= backAt)
  return first === undefined ? [] : [first - backAt]
}

/** What the platform promises (issue and design): how soon, how fast. */
export const figures = {
  failover: (leaseMs: number) => ({
    name: 'a job of a killed worker runs elsewhere (lease + 2 s)',
    unit: 'ms' as const,
    bound: leaseMs + 2000,
  }),
  accepting: {
    name: 'jobs are accepted again after Postgres is back',
    unit: 'ms' as const,
    bound: 5000,
  },
  firstJob: {
    name: 'first job runs after Redis was emptied with 100,000 jobs waiting',
    unit: 'ms' as const,
    bound: 2000,
  },
  refill: {
    name: 'refilling the dispatch window after it',
    unit: 'jobs/s' as const,
    bound: 3000,
  },
  goodput: {
    name: 'goodput under an open-loop load of three times the capacity, of the peak',
    unit: '%' as const,
    bound: 80,
  },
  recovered: {
    name: 'goodput right after it, of the peak',
    unit: '%' as const,
    bound: 80,
  },
}
