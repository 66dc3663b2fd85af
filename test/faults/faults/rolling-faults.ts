import { setTimeout as sleep } from 'node:timers/promises'
import type { ProductProcess } from '../product-process.ts'
import type { Fault, Scene } from './fault.ts'

const stopDeadlineMs = 45_000

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

/** Gateways write the next format too early: those jobs wait, unharmed, until workers that read it are there. */
async function mixNewRows({ cluster, random, tell }: Scene): Promise<void> {
  const { sql } = cluster.stores
  await sql.query(`
    CREATE FUNCTION next_format() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.format_version := ${String(nextFormat)}; RETURN NEW; END $$;
    CREATE TRIGGER next_format BEFORE INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION next_format()`)
  await sleep(random.between(1000, 2500))
  await sql.query('DROP TRIGGER next_format ON jobs; DROP FUNCTION next_format()')
  const early = await sql.query<{ state: string; count: string }>(
    'SELECT state, count(*) FROM jobs WHERE format_version = $1 GROUP BY state',
    [nextFormat],
  )
  const counts = Object.fromEntries(early.rows.map(({ state, count }) => [state, Number(count)]))
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
