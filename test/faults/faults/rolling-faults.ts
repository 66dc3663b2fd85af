import { setTimeout as sleep } from 'node:timers/promises'
import type { ProductProcess } from '../product-process.ts'
import type { Stores } from '../stores.ts'
import type { Fault, Scene } from './fault.ts'

const stopDeadlineMs = 45_000

type Sql = Stores['sql']

/** The format of rows that a next version would write. */
const nextFormat = 2

/** Versions and processes exchanged while clients go on. */
export const rollingFaults: Fault[] = [
  {
    name: 'all restarted one by one',
    group: 'rolling',
    strike: (scene) => rollAll(scene, 'start first last'),
  },
  {
    name: 'all restarted one by one, ops first',
    group: 'rolling',
    strike: (scene) => rollAll(scene, 'ops first'),
  },
  { name: 'all workers replaced at once', group: 'rolling', strike: replaceWorkers, isAlone: true },
  { name: 'an old worker among new rows', group: 'rolling', strike: mixOldWorker, isAlone: true },
  { name: 'new rows before new workers', group: 'rolling', strike: mixNewRows, isAlone: true },
  { name: 'switched to a new set of processes', group: 'rolling', strike: switchSets, isAlone: true },
  {
    name: 'rolled back from a new set that wrote new rows',
    group: 'rolling',
    strike: rollBack,
    isAlone: true,
  },
]

async function restart(product: ProductProcess, armed?: Record<string, string>): Promise<void> {
  const { code } = await product.stop('SIGTERM', stopDeadlineMs)
  await product.start(armed)
  if (code !== 0) throw new Error(`${product.name} exited with ${String(code)} after SIGTERM.`)
}

async function rollAll({ cluster, random }: Scene, order: 'start first last' | 'ops first'): Promise<void> {
  const all = order === 'ops first' ? [...cluster.processes].reverse() : cluster.processes
  for (const product of all) {
    await restart(product)
    await sleep(random.between(0, 300))
  }
}

/** As a careless roll-out does. */
async function replaceWorkers({ cluster }: Scene): Promise<void> {
  await Promise.all(cluster.ofRole('worker').map((worker) => restart(worker)))
}

/** A worker of the version before, which reads none of the rows that are written now: it must leave them to the other. */
async function mixOldWorker({ cluster, random, tell }: Scene): Promise<void> {
  const old = random.pick(cluster.ofRole('worker'))
  tell(old.name)
  await restart(old, { NOODLE_READS_FORMAT: '0' })
  await sleep(random.between(1500, 3000))
  await restart(old)
}

/** Blue/green: both sets stand on the same stores while clients are switched over; then the old one ends in order. */
async function switchSets({ cluster, random }: Scene): Promise<void> {
  const next = await cluster.startTwin()
  await sleep(random.between(0, 1000))
  const before = cluster.switchTo(next)
  await sleep(random.between(0, 500))
  await cluster.retire(before)
}

/**
 * The new set, of the next version, takes and runs jobs for a while; then clients are switched back and it ends. What it wrote and did not run must wait,
 * unharmed, for a version that reads it.
 */
async function rollBack({ cluster, random, tell }: Scene): Promise<void> {
  const { sql } = cluster.stores
  const next = await cluster.startTwin({ NOODLE_READS_FORMAT: String(nextFormat) })
  const before = cluster.switchTo(next)
  const endNewRows = await beginNewRows(sql)
  await sleep(random.between(1000, 2500))
  cluster.switchTo(before)
  await endNewRows()
  await cluster.retire(next)
  const left = await countNewRows(sql)
  await sleep(random.between(500, 1500))
  const later = await countNewRows(sql)
  tell(`${JSON.stringify(left)} when it had ended, ${JSON.stringify(later)} later`)
  await sql.query('UPDATE jobs SET format_version = 1 WHERE format_version = $1', [nextFormat]) // the version after it reads them
  const wrong = ['running', 'succeeded', 'failed'].filter((state) => (later[state] ?? 0) > (left[state] ?? 0))
  if (wrong.length > 0) throw new Error(`Jobs of a format that no worker reads were ${wrong.join(' and ')}.`)
}

/** From now on jobs are stored as rows of the next format, until the function that this gives is called. */
async function beginNewRows(sql: Sql): Promise<() => Promise<void>> {
  await sql.query(`
    CREATE FUNCTION next_format() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.format_version := ${String(nextFormat)}; RETURN NEW; END $$;
    CREATE TRIGGER next_format BEFORE INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION next_format()`)
  return async () => {
    await sql.query('DROP TRIGGER next_format ON jobs; DROP FUNCTION next_format()')
  }
}

/** Jobs of the next format by state. */
async function countNewRows(sql: Sql): Promise<Record<string, number>> {
  const { rows } = await sql.query<{ state: string; count: string }>(
    'SELECT state, count(*) FROM jobs WHERE format_version = $1 GROUP BY state',
    [nextFormat],
  )
  return Object.fromEntries(rows.map(({ state, count }) => [state, Number(count)]))
}

/** Gateways write the next format too early: those jobs wait, unharmed, until workers that read it are there. */
async function mixNewRows({ cluster, random, tell }: Scene): Promise<void> {
  const { sql } = cluster.stores
  const endNewRows = await beginNewRows(sql)
  await sleep(random.between(1000, 2500))
  await endNewRows()
  const counts = await countNewRows(sql)
  tell(JSON.stringify(counts))
  const wrong = ['running', 'succeeded', 'failed'].filter((state) => counts[state])
  for (const worker of cluster.ofRole('worker'))
    await restart(worker, { NOODLE_READS_FORMAT: String(nextFormat) })
  const deadline = performance.now() + 30_000
  while (performance.now() < deadline) {
    const { rows } = await sql.query(
      "SELECT FROM jobs WHERE format_version = $1 AND state NOT IN ('succeeded', 'failed', 'cancelled', 'expired') LIMIT 1",
      [nextFormat],
    )
    if (rows.length === 0) break
    await sleep(100)
  }
  for (const worker of cluster.ofRole('worker')) await restart(worker)
  await sql.query('UPDATE jobs SET format_version = 1 WHERE format_version = $1', [nextFormat])
  if (wrong.length > 0) throw new Error(`Jobs of a format that no worker reads were ${wrong.join(' and ')}.`)
}
