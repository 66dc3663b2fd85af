import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from './api-client.ts'
import type { Job } from '../../client/src/contract.ts'
import { CliError } from './cli-error.ts'
import { hasEnded } from './job-lines.ts'

const shortestPauseMs = 200
const longestPauseMs = 2000
/** Through which a gateway that restarts is waited for. */
const patienceMs = 60_000

/**
 * Reads jobs until all have ended, at first often, then every 2 s; `look` hears of each reading.
 * @returns the jobs as they ended, in the order of `ids`
 * @throws ApiError for one that can't be read, CliError when no gateway answers for a minute
 */
export async function waitForJobs(
  api: ApiClient,
  ids: readonly string[],
  look: (jobs: readonly Job[]) => void = () => undefined,
): Promise<Job[]> {
  const jobs = new Map<string, Job>()
  let pauseMs = shortestPauseMs
  for (;;) {
    for (const id of ids) {
      const known = jobs.get(id)
      if (!known || !hasEnded(known)) jobs.set(id, await readPatiently(api, id))
    }
    const now = ids.flatMap((id) => jobs.get(id) ?? [])
    look(now)
    if (now.every(hasEnded)) return now
    await sleep(pauseMs)
    pauseMs = Math.min(longestPauseMs, pauseMs * 1.2)
  }
}

async function readPatiently(api: ApiClient, id: string): Promise<Job> {
  const startedAt = performance.now()
  for (;;) {
    try {
      return await api.call<Job>('GET', `/v1/jobs/${encodeURIComponent(id)}`)
    } catch (error) {
      const isPassing = error instanceof CliError && error.isPassing
      if (!isPassing || performance.now() - startedAt > patienceMs) throw error
      await sleep(longestPauseMs)
    }
  }
}
