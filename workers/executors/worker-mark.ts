import { readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from '../../core/logger.ts'
import type { Cgroups } from './cgroups.ts'
import { findMarked } from './marked-processes.js'
import { workerFolderPrefix } from './worker-folder.ts'
import { pidNamespace, readStat } from './proc.ts'

/*
 * Each worker process has a mark that no other ever has: what it starts carries it in its environment, and its folder of scratch folders in its name.
 * So a worker can clear away, at its start, what one that was killed has left behind.
 */

/** `<pid namespace>-<pid>-<start>`; outside Linux only the pid, and nothing is cleared away. */
export function ownMark(): string {
  const namespace = pidNamespace('self')
  const stat = readStat('self')
  return namespace && stat ? `${namespace}-${String(process.pid)}-${stat.startTicks}` : String(process.pid)
}

/** Kills the processes and removes the folders of workers that are gone. Those of other containers and of other users are not ours to judge. */
export function clearAwayDeadWorkers(log: Logger, cgroups: Pick<Cgroups, 'removeAll'> | null = null): void {
  const namespace = pidNamespace('self')
  if (!namespace) return
  const isDead = (mark: string): boolean => {
    const [markNamespace, pid, startTicks] = mark.split('-')
    if (markNamespace !== namespace || !pid || !startTicks) return false
    const stat = readStat(Number(pid))
    return stat === null || stat.startTicks !== startTicks || stat.state === 'Z'
  }

  let killed = 0
  for (const { pid, mark } of findMarked()) {
    // A process of a container within has its worker's pid as the container counts it.
    if (pidNamespace(pid) !== namespace || !isDead(mark)) continue
    try {
      process.kill(pid, 'SIGKILL')
      killed++
    } catch {
      // gone meanwhile
    }
  }
  if (killed > 0) log.warn('processes that a dead worker left behind were killed', { processes: killed })

  cgroups?.removeAll(isDead)
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(workerFolderPrefix) || !isDead(name.slice(workerFolderPrefix.length))) continue
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true })
    } catch (error) {
      log.debug('a folder of a dead worker could not be removed', { folder: name, error })
    }
  }
}
