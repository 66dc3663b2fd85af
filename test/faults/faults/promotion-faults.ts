import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { startPostgres } from '../../../ops/local/postgres-server.ts'
import { waitFor } from '../../support/wait-for.ts'
import { readProgress, startStandby, whyNoStandby } from '../standby.ts'
import type { Fault, Scene } from './fault.ts'
import { measureAcceptance } from './postgres-faults.ts'

const promotionDeadlineMs = 15_000
const epochDeadlineMs = 15_000

/** Postgres replaced by its standby. */
export const promotionFaults: Fault[] = [
  {
    name: 'Postgres replaced by a lagging standby',
    group: 'postgres',
    strike: (scene) => promote(scene, { isSynchronous: false }),
    missing: whyNoStandby,
    isAlone: true,
  },
  {
    name: 'Postgres replaced by its synchronous standby',
    group: 'postgres',
    strike: (scene) => promote(scene, { isSynchronous: true }),
    missing: whyNoStandby,
    isAlone: true,
  },
]

/**
 * The primary is killed for good, and everybody is led to the standby. What an asynchronous one had not received is lost or set back: exactly that is
 * forgiven, by id, as the dead primary's own data tells. Of a synchronous one nothing is.
 */
async function promote(scene: Scene, { isSynchronous }: { isSynchronous: boolean }): Promise<void> {
  const { cluster, random, journal, tell } = scene
  const { postgres, sql } = cluster.stores
  const standby = await startStandby(postgres, sql, { isSynchronous })
  const epochBefore = await readEpoch(scene)
  const lagMs = random.between(500, 4000)
  if (isSynchronous) standby.link.set({ kind: 'delay', ms: 60, jitterMs: 50 })
  else standby.link.set({ kind: 'hold', direction: 'both' })
  await sleep(lagMs)

  const former = { dir: postgres.options.dir, options: postgres.options }
  await postgres.end('SIGKILL')
  const promoted = await standby.promote()
  const there = await readProgress(promoted.server.url)
  postgres.replaceBy(promoted.server, promoted.options)
  await untilPrimary(sql)
  measureAcceptance(scene)

  const fenced = await startPostgres(former.options) // on another port, which nobody knows
  const known = await readProgress(fenced.url)
  await fenced.stop()
  await rm(former.dir, { recursive: true, force: true })
  const lost = [...known.keys()].filter((id) => !there.has(id))
  const setBack = [...known].filter(([id, seq]) => seq > (there.get(id) ?? seq)).map(([id]) => id)
  const promised = lost.filter((id) => journal.accepted.has(id))
  tell(
    isSynchronous
      ? `${lagMs} ms later`
      : `${lagMs} ms behind, ${promised.length} jobs lost, ${setBack.length} set back`,
  )
  if (!isSynchronous) journal.forgive({ lost, setBack })
  else if (promised.length > 0)
    throw new Error(`The synchronous standby lacks acknowledged jobs: ${promised.join(', ')}`)

  await waitFor(async () => (await readEpoch(scene)) > epochBefore, {
    timeoutMs: epochDeadlineMs,
    what: 'the epoch to rise after the promotion',
  })
}

/** Until it takes writes: to be promoted may take a standby the 5 s of its wal_retrieve_retry_interval. */
async function untilPrimary(sql: Scene['cluster']['stores']['sql']): Promise<void> {
  await waitFor(async () => (await sql.query('SELECT WHERE NOT pg_is_in_recovery()')).rows.length > 0, {
    timeoutMs: promotionDeadlineMs,
    everyMs: 1,
    what: 'the standby to take writes',
  })
}

async function readEpoch({ cluster }: Scene): Promise<number> {
  const { rows } = await cluster.stores.sql.query<{ epoch: number }>('SELECT epoch FROM platform')
  return rows[0]?.epoch ?? 0
}
