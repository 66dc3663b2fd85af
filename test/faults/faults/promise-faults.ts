import { waitFor } from '../../support/wait-for.ts'
import { onlyOf } from '../job-kinds.ts'
import { figures } from '../promises.ts'
import type { Fault, Scene } from './fault.ts'

const stopDeadlineMs = 45_000
const backlogJobs = 105_000
/** What runs until Redis is emptied. */
const warmJobs = 2000

/** Measurements of what the platform promises under a heavy load. */
export const promiseFaults: Fault[] = [
  {
    name: 'Redis emptied under 100,000 waiting jobs',
    group: 'promises',
    strike: wipeUnderBacklog,
    mix: onlyOf('echo'),
    isAlone: true,
  },
  {
    name: 'three times the load that can be taken',
    group: 'promises',
    strike: overload,
    mix: onlyOf('echo'),
    isAlone: true,
  },
]

const offerClients = 64
const overloadSeconds = 20

/** Open loop: what arrives does not wait until what came before is answered. */
async function overload({ cluster, workload: { offer }, promises, tell }: Scene): Promise<void> {
  await offer.closed({ clients: offerClients, seconds: 2 }) // warms up
  const peak = (await offer.closed({ clients: offerClients, seconds: 5 })).goodput
  const crowd = await offer.open({ jobsPerSecond: 3 * peak, seconds: overloadSeconds })
  const after = (await offer.closed({ clients: offerClients, seconds: 5 })).goodput
  const waits = crowd.waitsMs.sort((a, b) => a - b)
  promises.add(figures.goodput, (100 * crowd.goodput) / peak)
  promises.add(figures.recovered, (100 * after) / peak)
  tell(
    `peak ${Math.round(peak)} jobs/s; of ${Math.round(3 * peak)}/s for ${overloadSeconds} s ${crowd.accepted} accepted, ` +
      `${crowd.refused} refused with Retry-After, ${crowd.unanswered} without an answer in 10 s; 202 after ` +
      `${Math.round(waits[Math.floor(waits.length / 2)] ?? 0)} ms (p50), ${Math.round(waits[Math.floor(waits.length * 0.99)] ?? 0)} ms (p99)`,
  )
  await untilWorkedOff(cluster.stores.sql)
}

async function wipeUnderBacklog({ cluster, workload, promises, tell }: Scene): Promise<void> {
  const { sql, redisAdmin } = cluster.stores
  const workers = cluster.ofRole('worker')
  await Promise.all(workers.map((worker) => worker.stop('SIGTERM', stopDeadlineMs)))
  const startedAt = performance.now()
  await workload.fill(backlogJobs)
  tell(`${Math.round(backlogJobs / ((performance.now() - startedAt) / 1000))} jobs/s accepted in batches`)
  const countEnded = async (): Promise<number> =>
    (
      await sql.query(
        "SELECT FROM jobs WHERE state = 'succeeded' AND finished_at > now() - interval '10 seconds'",
      )
    ).rowCount ?? 0
  await Promise.all(workers.map((worker) => worker.start()))
  await waitFor(async () => (await countEnded()) > warmJobs, {
    timeoutMs: 60_000,
    what: 'the workers to be at work',
  })

  const { rows: waiting } = await sql.query<{ count: string }>(
    "SELECT count(*) FROM jobs WHERE state IN ('pending', 'queued')",
  )
  await redisAdmin.flushall()
  const { rows: flushed } = await sql.query<{ at: Date }>('SELECT clock_timestamp() AS at')
  const { rows: window } = await sql.query<{ id: string }>(
    "SELECT id FROM jobs WHERE state = 'queued' AND dispatched_at <= $1",
    [flushed[0]?.at],
  )
  const ids = window.map(({ id }) => id) // their deliveries are gone
  tell(`${waiting[0]?.count ?? '0'} waiting, ${ids.length} in the window`)
  const anew = await waitFor(
    async () => {
      const { rows } = await sql.query<{ at: Date; started: Date | null }>(
        'SELECT dispatched_at AS at, started_at AS started FROM jobs WHERE id = ANY($1::uuid[])',
        [ids],
      )
      const isRefilled = rows.every(({ at, started }) => started !== null || at > (flushed[0]?.at ?? at))
      return isRefilled && rows.some(({ at, started }) => started !== null && at > (flushed[0]?.at ?? at))
        ? rows
        : undefined
    },
    { timeoutMs: 60_000, what: 'the window to be dispatched anew' },
  )
  const flushedAt = flushed[0]?.at.getTime() ?? 0
  const sent = anew.filter(({ at }) => at.getTime() > flushedAt) // others were in a worker's hands already
  const starts = sent.flatMap(({ started }) => (started ? [started.getTime()] : []))
  const sentMs = sent.map(({ at }) => at.getTime())
  promises.add(figures.firstJob, Math.min(...starts) - flushedAt)
  promises.add(figures.refill, sent.length / (Math.max(1, Math.max(...sentMs) - Math.min(...sentMs)) / 1000))
  tell(
    `${sent.length} of them sent again ${Math.min(...sentMs) - flushedAt} to ${Math.max(...sentMs) - flushedAt} ms after it`,
  )
  await untilWorkedOff(sql)
}

/** Far longer than the bound of other faults allows: it is a heap of work, not a fault, that takes its time. */
async function untilWorkedOff(sql: Scene['cluster']['stores']['sql']): Promise<void> {
  await waitFor(
    async () =>
      (await sql.query("SELECT FROM jobs WHERE state = 'pending' AND ready LIMIT 1")).rowCount === 0,
    { timeoutMs: 600_000, everyMs: 500, what: 'the backlog to be worked off' },
  )
}
