/** How fast time passes for the platform under test, and how long the campaign is patient. */
export interface Profile {
  name: 'fast' | 'real'
  /** Options of all processes. */
  settings: Record<string, string>
  leaseMs: number
  /** From the end of a fault until every accepted job has ended. */
  drainBoundMs: number
  /** From then until Redis is at rest and killed processes' leavings are gone. */
  restBoundMs: number
  /** Requests begun this long after the end of a fault must be answered well. */
  answerBoundMs: number
  /** Shortest and longest time that an outage, a pause or a partition lasts. */
  outageMs: [number, number]
  /** The same for a worker that is frozen: longer than a lease and the grace after it, so that others take its jobs over meanwhile. */
  workerFreezeMs: [number, number]
}

const common = {
  RATE_LIMIT_REQUESTS_PER_MINUTE: '0',
  RATE_LIMIT_JOBS_PER_MINUTE: '0',
  RATE_LIMIT_LOGINS_PER_ACCOUNT: '0',
  RATE_LIMIT_LOGINS_PER_NETWORK: '0',
  ACCESS_TOKEN_SECONDS: '86400',
  CONCURRENCY: '10',
  DATABASE_POOL_SIZE: '5',
}

export const profiles: Record<Profile['name'], Profile> = {
  fast: {
    name: 'fast',
    settings: {
      ...common,
      LEASE_SECONDS: '3',
      LEASE_GRACE_MS: '500',
      KILL_GRACE_MS: '500',
      DRAIN_DEADLINE_MS: '3000',
      DELIVERY_LOOKUP_MS: '2000',
      DELIVERY_LOCK_MS: '2000',
    },
    leaseMs: 3000,
    drainBoundMs: 30_000,
    restBoundMs: 15_000,
    answerBoundMs: 8000,
    outageMs: [500, 6000],
    workerFreezeMs: [5500, 6500],
  },
  real: {
    name: 'real',
    settings: common,
    leaseMs: 10_000,
    drainBoundMs: 150_000,
    restBoundMs: 90_000,
    answerBoundMs: 20_000,
    outageMs: [1000, 20_000],
    workerFreezeMs: [15_000, 20_000],
  },
}
