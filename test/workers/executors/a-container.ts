import { randomUUID } from 'node:crypto'
import { silentLogger } from '../../../core/logger.ts'
import type { ClaimedJob, Json, Usage } from '../../../queue/domain/job.ts'
import { readAllowedImages } from '../../../workers/executors/allowed-images.ts'
import { makeContainerTask } from '../../../workers/executors/container.ts'
import { makeContainers } from '../../../workers/executors/containers.ts'
import { ownMark } from '../../../workers/executors/worker-mark.ts'
import { makeKeeper } from '../../../workers/keeper.ts'
import type { RunLimits } from '../../../queue/intake/slots.ts'
import type { Stop } from '../../../queue/intake/stop.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { engine, engineAddress } from '../../support/container-test.ts'
import { aClaimedJob, noNotes } from '../a-run.ts'

interface Settings {
  allow: string[]
  address?: string
  networks?: string[]
  outputBytes?: number
  mayPull?: boolean
  user?: string
  gpuIds?: string[]
}

let keepers = 0

/** Containers as a worker with this configuration runs them. */
export function openContainers({
  allow,
  address = engineAddress,
  networks = [],
  outputBytes = 65_536,
  mayPull = false,
  user = '65534:65534',
  gpuIds = [],
}: Settings) {
  const keeper = makeKeeper({
    mark: `${ownMark()}-containers-${String(keepers++)}`,
    engine: address,
    log: silentLogger,
  })
  cleanUp(() => keeper.stop())
  const containers = makeContainers({
    address,
    bounds: { user, processes: 50, openFiles: 64, listGpus: () => Promise.resolve(gpuIds) },
    ...{ mayPull, keeper, log: silentLogger },
  })
  const task = makeContainerTask({ containers, images: readAllowedImages(allow), networks, outputBytes })

  return {
    containers,
    keeper,
    begin(payload: Json, more: Partial<ClaimedJob> & { gpus?: number[]; limits?: RunLimits | null } = {}) {
      const { gpus = [], limits = null, ...fields } = more
      const job = aClaimedJob({ id: randomUUID(), task: 'container', payload, ...fields })
      const controller = new AbortController()
      const seen = {
        stdout: '',
        stderr: '',
        told: [] as string[],
        usage: {} as Omit<Usage, 'wallMs'>,
        stops: [] as string[],
      }
      const ended = task.run({
        ...{ job, gpus, limits, signal: controller.signal },
        log: {
          write: (stream, piece) => void (seen[stream] += piece.toString()),
          tell: (text) => void seen.told.push(text),
        },
        ...noNotes,
        recordUsage: (figures) => (seen.usage = figures),
        recordStop: (how) => seen.stops.push(how),
      }) as unknown as Promise<{
        exitCode: number
        stdout: string
        stderr: string
        truncated: boolean
        imageId: string
      }>
      ended.catch(() => undefined)
      return { job, ended, seen, stop: (stop: Stop) => controller.abort(stop) }
    },
  }
}

/** The containers that the engine has of a job, running or not. */
export const containersOf = (jobId: string) =>
  engine.listContainers({ all: true, filters: { label: [`noodle.job=${jobId}`] } })
