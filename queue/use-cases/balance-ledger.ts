import { setTimeout as delay } from 'node:timers/promises'
import type { QueuedJob } from '../store/ledger-table.ts'
import type { QueueDeps } from './queue-deps.ts'

/** What does not add up; all zero when every accepted job is accounted for. */
export interface LedgerGap {
  /** Accepted jobs that have neither ended nor are live: lost. */
  missing: number
  /** Jobs that ended twice, or are live though they ended, or that nobody accepted. */
  surplus: number
  /** Queued jobs that no entry of BullMQ carries; the reconciler delivers them again. */
  undelivered: number
  /** Ids of a few of all these. */
  examples: string[]
}

/** Jobs counted in one statement; about 30 ms of Postgres. */
const stretchJobs = 10_000
/** Jobs counted in one round, for the first time and again: 20,000 submissions a second are kept up with. */
const newJobsARound = 300_000
const openJobsARound = 100_000
/** A job is counted when its id is this old: its time is the gateway's, and its commit may be under way. */
const settleMs = 60_000
/** Stretches counted this lately need not be counted again, by whatever process. */
const restMs = 10_000
/** Jobs looked up in BullMQ per tier and round, those longest in the window first. */
const queuedLooked = 5000
/** Between the commit that puts a job into the window and the arrival of its delivery. */
const deliveryMs = 1000
const looks = 2

type LedgerDeps = Pick<QueueDeps, 'ledger' | 'deliveries' | 'tiers'>

/**
 * R8: holds the acceptance events of jobs against their ends and live rows, and the dispatch window against what BullMQ holds. Jobs that move meanwhile
 * make no gap. Any number of processes may do it: they share the counting. While Redis is away nothing counts as undelivered: nodes take jobs without it.
 * @throws POSTGRES_UNAVAILABLE; REDIS_UNAVAILABLE when it goes away meanwhile
 */
export async function balanceLedger(
  deps: LedgerDeps,
  pace: { settleMs: number; restMs: number } = { settleMs, restMs },
): Promise<LedgerGap> {
  for (let counted = 0; counted < newJobsARound;) {
    const jobs = await deps.ledger.countNext({ limit: stretchJobs, settleMs: pace.settleMs })
    if (jobs < stretchJobs) break
    counted += jobs
  }
  await deps.ledger.recount({ limit: openJobsARound, restMs: pace.restMs })
  const counted = await deps.ledger.readGap()
  const undelivered = deps.deliveries.isConnected() ? await findUndelivered(deps) : []
  return {
    missing: counted.missing,
    surplus: counted.surplus,
    undelivered: undelivered.length,
    examples: [...counted.examples, ...undelivered.slice(0, 5)],
  }
}

/** Ids of the queued jobs that BullMQ does not hold. @throws REDIS_UNAVAILABLE */
export async function findUndelivered(deps: LedgerDeps): Promise<string[]> {
  const undelivered = await Promise.all(deps.tiers.map(({ name }) => findUndeliveredOf(deps, name)))
  return undelivered.flat()
}

async function findUndeliveredOf(deps: LedgerDeps, tier: string): Promise<string[]> {
  let suspects: QueuedJob[] = await deps.ledger.listQueued({ tier, limit: queuedLooked })
  for (let look = 1; suspects.length > 0; look++) {
    const held = await deps.deliveries.findHeldJobs(
      tier,
      suspects.map((job) => job.deliveryId),
    )
    // What left the window since is no gap, nor is what was dispatched anew.
    suspects = await deps.ledger.filterStillQueued(suspects.filter((job) => !held.has(job.id)))
    if (look === looks) break
    if (suspects.length > 0) await delay(deliveryMs)
  }
  return suspects.map((job) => job.id)
}
