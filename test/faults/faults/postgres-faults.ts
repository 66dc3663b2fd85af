import { setTimeout as sleep } from 'node:timers/promises'
import { figures, firstAcceptance } from '../promises.ts'
import type { Store } from '../stores.ts'
import { drawOutageMs, type Fault, type Scene } from './fault.ts'

/** Postgres lost, broken, locked, slow and full. */
export const postgresFaults: Fault[] = [
  { name: 'Postgres stopped at once', group: 'postgres', strike: (scene) => restart(scene, 'SIGQUIT') },
  { name: 'Postgres killed', group: 'postgres', strike: (scene) => restart(scene, 'SIGKILL') },
  { name: 'Postgres session killed', group: 'postgres', strike: killSession },
  { name: 'Postgres sessions ended', group: 'postgres', strike: endSessions },
  { name: 'Postgres slow', group: 'postgres', strike: slow },
  { name: 'Postgres table locked', group: 'postgres', strike: lock },
  {
    name: 'Postgres out of disk',
    group: 'postgres',
    strike: (scene) => fillDisk(scene, 'data'),
    isAlone: true,
  },
  {
    name: 'Postgres out of disk for its log',
    group: 'postgres',
    strike: (scene) => fillDisk(scene, 'log'),
    isAlone: true,
  },
]

async function restart(scene: Scene, signal: NodeJS.Signals): Promise<void> {
  const { postgres } = scene.cluster.stores
  await postgres.end(signal)
  await sleep(scene.random.between(0, 1500))
  await postgres.start()
  measureAcceptance(scene)
}

/** Postgres is back as of now. */
export function measureAcceptance({ afterwards, journal, promises }: Scene): void {
  const backAt = Date.now()
  afterwards(() => promises.add(figures.accepting, ...firstAcceptance(journal, backAt)))
}

/** Not one byte is left: tables can't grow, and when a new segment of the write-ahead log is due, the server gives up. */
async function fillDisk(scene: Scene, what: 'data' | 'log'): Promise<void> {
  const { disk, postgres, sql } = scene.cluster.stores
  if (typeof disk === 'string') throw new Error(`Postgres has no disk of its own: ${disk}.`)
  disk.fill(0)
  try {
    if (what === 'log') await exhaustLog(sql)
    await sleep(drawOutageMs(scene))
  } finally {
    disk.clear()
  }
  await untilBack(postgres, sql)
  measureAcceptance(scene)
}

/** Begins new segments until there is none. */
async function exhaustLog(sql: Scene['cluster']['stores']['sql']): Promise<void> {
  try {
    for (let i = 0; i < 100; i++)
      await sql.query("SELECT pg_switch_wal() FROM pg_logical_emit_message(false, 'campaign', 'full')")
  } catch {
    // as was wanted
  }
}

/** A server that has given up is started again, as its supervisor would. */
async function untilBack(postgres: Store, sql: Scene['cluster']['stores']['sql']): Promise<void> {
  const ended = postgres.ended().then(() => true)
  for (;;) {
    if (await Promise.race([ended, sleep(1, false)])) return postgres.start()
    try {
      await sql.query('SELECT 1')
      return
    } catch {
      await sleep(20)
    }
  }
}

/** One session that ends by SIGKILL makes the server end all others and recover, for it may have spoilt shared memory. */
async function killSession({ cluster, random, tell }: Scene): Promise<void> {
  const { sql } = cluster.stores
  const { rows } = await sql.query<{ pid: number; name: string }>(
    "SELECT pid, application_name AS name FROM pg_stat_activity WHERE application_name LIKE 'noodle %'",
  )
  const session = random.pick(rows)
  tell(session.name)
  process.kill(session.pid, 'SIGKILL')
  await untilServing(cluster.stores.sql)
}

async function endSessions({ cluster, random }: Scene): Promise<void> {
  for (let times = random.between(1, 5); times > 0; times--) {
    await cluster.stores.sql.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'noodle %'",
    )
    await sleep(random.between(50, 400))
  }
}

/** For everybody. */
async function slow(scene: Scene): Promise<void> {
  const { cluster, random, tell } = scene
  const ms = random.between(200, 3000)
  tell(`${ms} ms each way`)
  const links = cluster.links.filter(({ to }) => to === 'postgres')
  for (const { proxy } of links) proxy.set({ kind: 'delay', ms: ms / 2, jitterMs: ms / 4 })
  await sleep(drawOutageMs(scene))
  for (const { proxy } of links) proxy.set({ kind: 'pass' })
}

/** As a migration gone wrong does: everything that touches a job waits. */
async function lock(scene: Scene): Promise<void> {
  const client = await scene.cluster.stores.sql.connect()
  try {
    await client.query('BEGIN')
    await client.query('LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE')
    await sleep(drawOutageMs(scene))
    await client.query('COMMIT')
  } finally {
    client.release()
  }
}

async function untilServing(sql: Scene['cluster']['stores']['sql']): Promise<void> {
  for (;;) {
    try {
      await sql.query('SELECT 1')
      return
    } catch {
      await sleep(20)
    }
  }
}
