import { validate as isUuid } from 'uuid'
import { type Loop, every } from '../core/every.ts'
import type { Logger } from '../core/logger.ts'
import type { Runs } from '../queue/intake/runs.ts'
import { containerLabels, findContainers, removeContainer } from './executors/labelled-containers.js'
import type { Platform } from './platform.ts'

const sweepEveryMs = 5000

/**
 * Removes containers in this worker's engine whose start of their job is over, whoever began them: by Postgres' word, for process ids mean nothing across
 * machines and containers. So a worker finds what was left where a keeper died with its worker. Jobs that Postgres does not know are another platform's.
 */
export function makeContainerSweeper(options: {
  /** Of the engine. */
  address: string
  platform: Pick<Platform, 'listFences'>
  runs: Pick<Runs, 'find'>
  log: Logger
  everyMs?: number
}): Loop {
  const { address, platform, runs, log, everyMs = sweepEveryMs } = options

  async function sweep(): Promise<void> {
    const found = await findContainers(address, containerLabels.job)
    const foreign = found.filter(({ jobId, fence }) => isUuid(jobId) && !runs.find(jobId, fence))
    if (foreign.length === 0) return
    const fences = await platform.listFences(foreign.map(({ jobId }) => jobId))
    for (const { id, jobId, fence } of foreign) {
      const current = fences.get(jobId)
      if (!current || (current.isRunning && current.fence === fence)) continue
      log.warn('a container outlived the attempt that it was started for, it is removed', { jobId, fence })
      await removeContainer(address, id)
    }
  }

  return every(everyMs, sweep, { name: 'container sweep', log })
}
