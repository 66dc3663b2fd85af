import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { bullPrefix } from '../../queue/store/redis-keys.ts'
import { findMarked } from '../../workers/executors/marked-processes.js'
import { readChildren, readStat } from '../../workers/executors/proc.ts'
import { workerFolderPrefix } from '../../workers/executors/worker-folder.ts'
import type { Cluster } from './cluster.ts'
import type { Violation } from './invariants.ts'

const tiers = ['small', 'medium', 'heavy']

/** I6, I7, I8: what may be left when no job lives any more. Asked until nothing is, for at most the bound; answers with what still was then. */
export async function checkRest(cluster: Cluster, boundMs: number): Promise<Violation[]> {
  const deadline = performance.now() + boundMs
  for (;;) {
    const violations = await look(cluster)
    if (violations.length === 0 || performance.now() > deadline) return violations
    await sleep(100)
  }
}

async function look(cluster: Cluster): Promise<Violation[]> {
  return [...(await lookAtRedis(cluster)), ...(await lookAtPostgres(cluster)), ...lookAtProcesses(cluster)]
}

async function lookAtRedis({ stores: { redisAdmin } }: Cluster): Promise<Violation[]> {
  const violations: Violation[] = []
  for (const tier of tiers) {
    const key = (name: string): string => `${bullPrefix(tier)}:${tier}:${name}`
    const counts = {
      wait: await redisAdmin.llen(key('wait')),
      active: await redisAdmin.llen(key('active')),
      prioritized: await redisAdmin.zcard(key('prioritized')),
      delayed: await redisAdmin.zcard(key('delayed')),
    }
    for (const [list, count] of Object.entries(counts))
      if (count > 0)
        violations.push({ invariant: 'I6', what: `${count} deliveries are ${list} in tier ${tier} at rest` })
    const locks = await redisAdmin.keys(`${key('*').replaceAll(/[{}]/g, '\\$&')}:lock`)
    if (locks.length > 0)
      violations.push({ invariant: 'I7', what: `${locks.length} deliveries are locked at rest` })
  }
  return violations
}

async function lookAtPostgres({ stores: { sql } }: Cluster): Promise<Violation[]> {
  const violations: Violation[] = []
  const held = await sql.query('SELECT id FROM jobs WHERE boot_id IS NOT NULL')
  if (held.rows.length > 0)
    violations.push({ invariant: 'I7', what: `${held.rows.length} ended jobs name a boot` })
  const idle = await sql.query<{ name: string }>(
    `SELECT application_name AS name FROM pg_stat_activity
     WHERE state LIKE 'idle in transaction%' AND state_change < now() - interval '1 second'`,
  )
  for (const { name } of idle.rows)
    violations.push({ invariant: 'I7', what: `a session of ${name} is idle in a transaction` })
  const sessions = await sql.query<{ count: string }>(
    "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'noodle %'",
  )
  // Two pools of a process: 5 and 2 at most.
  const count = Number(sessions.rows[0]?.count)
  if (count > 5 * 7) violations.push({ invariant: 'I7', what: `${count} sessions are open at rest` })
  return violations
}

/** Only what our own workers started: others may test on the same machine. */
function lookAtProcesses({ processes, scratch }: Cluster): Violation[] {
  const workers = processes.filter(({ role }) => role === 'worker')
  const ours = new Set(workers.flatMap((worker) => worker.pids()))
  const violations: Violation[] = []
  for (const { pid, mark } of findMarked()) {
    if (ours.has(Number(mark.split('-')[1])))
      violations.push({ invariant: 'I8', what: `process ${pid} of a job lives on at rest` })
  }
  for (const zombie of workers.flatMap((worker) => readChildren(worker.pid() ?? 0)).filter(isZombie))
    violations.push({ invariant: 'I8', what: `process ${zombie} of a job is a zombie at rest` })
  const live = new Set(workers.map((worker) => String(worker.pid())))
  for (const folder of readdirSync(scratch).filter((name) => name.startsWith(workerFolderPrefix))) {
    const isOfLive = live.has(folder.slice(workerFolderPrefix.length).split('-')[1] ?? '')
    if (!isOfLive) violations.push({ invariant: 'I8', what: `the folder ${folder} of a dead worker is left` })
    else if (readdirSync(join(scratch, folder)).length > 0)
      violations.push({ invariant: 'I8', what: `scratch folders are left in ${folder} at rest` })
  }
  return violations
}

const isZombie = (pid: number): boolean => readStat(pid)?.state === 'Z'
