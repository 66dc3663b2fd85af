import { setTimeout as sleep } from 'node:timers/promises'
import { drawOutageMs, type Fault, type Scene } from './fault.ts'

/** Postgres lost, broken, locked and slow. */
export const postgresFaults: Fault[] = [
  { name: 'Postgres stopped at once', group: 'postgres', strike: (scene) => restart(scene, 'SIGQUIT') },
  { name: 'Postgres killed', group: 'postgres', strike: (scene) => restart(scene, 'SIGKILL') },
  { name: 'Postgres session killed', group: 'postgres', strike: killSession },
  { name: 'Postgres sessions ended', group: 'postgres', strike: endSessions },
  { name: 'Postgres slow', group: 'postgres', strike: slow },
  { name: 'Postgres table locked', group: 'postgres', strike: lock },
]

async function restart({ cluster, random }: Scene, signal: NodeJS.Signals): Promise<void> {
  const { postgres } = cluster.stores
  await postgres.end(signal)
  await sleep(random.between(0, 1500))
  await postgres.start()
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
