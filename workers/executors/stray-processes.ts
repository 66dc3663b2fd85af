import { setTimeout as delay } from 'node:timers/promises'
import { findMarked, markVariable } from './marked-processes.js'

/** How long killed processes may take to vanish. */
const vanishDeadlineMs = 500

/** All that was started for the run of this environment, whatever group it moved to, until none is left. */
export async function killStrays(env: Record<string, string>): Promise<void> {
  const { NOODLE_JOB_ID: jobId, NOODLE_FENCE: fence } = env
  if (jobId === undefined) return
  for (let waitMs = 1; waitMs < vanishDeadlineMs; waitMs *= 2) {
    // By the mark too: what another worker has started is its own affair, whatever it says that it works for.
    const strays = findMarked().filter(
      (marked) =>
        marked.mark === env[markVariable] && marked.jobId === jobId && String(marked.fence) === fence,
    )
    if (strays.length === 0) return
    for (const { pid } of strays) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // gone meanwhile
      }
    }
    await delay(waitMs)
  }
}
