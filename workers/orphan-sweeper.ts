import { type Loop, every } from '../core/every.ts'
import type { Logger } from '../core/logger.ts'
import type { Cgroups } from './executors/cgroups.ts'
import { findMarked } from './executors/marked-processes.js'
import { clearAwayDeadWorkers } from './executors/worker-mark.ts'
import type { Runs } from '../queue/intake/runs.ts'

const sweepEveryMs = 30_000

/**
 * R7: kills what this worker started for a job, in the attempt that it was started for, which is not run here any more: a process that left its group
 * for a session of its own outlives the end of its job. And clears away after workers that have died.
 */
export function makeOrphanSweeper(options: {
  /** Of this worker. */
  mark: string
  runs: Pick<Runs, 'find'>
  log: Logger
  cgroups?: Pick<Cgroups, 'removeAll'> | null
  everyMs?: number
}): Loop {
  const { mark, runs, log, cgroups = null, everyMs = sweepEveryMs } = options

  function sweep(): Promise<void> {
    const orphans = findMarked().filter(
      (marked) =>
        marked.mark.startsWith(`${mark}-`) &&
        marked.jobId !== undefined &&
        !runs.find(marked.jobId, marked.fence),
    )
    for (const { pid, jobId, fence } of orphans) {
      log.warn('a process outlived the job that it was started for, it is killed', { pid, jobId, fence })
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // gone meanwhile
      }
    }
    clearAwayDeadWorkers(log, cgroups)
    return Promise.resolve()
  }

  return every(everyMs, sweep, { name: 'orphan sweep', log })
}
