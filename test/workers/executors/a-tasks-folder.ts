import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Logger, silentLogger } from '../../../core/logger.ts'
import type { ClaimedJob, Json, Usage } from '../../../queue/domain/job.ts'
import type { Containers } from '../../../workers/executors/containers.ts'
import { findAllowedLibraries } from '../../../workers/executors/ffi-task.ts'
import { makeProcessGroups } from '../../../workers/executors/process-groups.ts'
import { makeScratchGuard } from '../../../workers/executors/scratch-guard.ts'
import { readTasksFolders } from '../../../workers/executors/tasks-folder.ts'
import { makeWarmRoom } from '../../../workers/executors/warm-processes.ts'
import { ownMark } from '../../../workers/executors/worker-mark.ts'
import { makeKeeper } from '../../../workers/keeper.ts'
import type { Stop } from '../../../queue/intake/stop.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { aClaimedJob, aFolder } from '../a-run.ts'

const PATH = process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin'
let keepers = 0

const noContainers: Containers = {
  run: () => Promise.reject(new Error('There is no container engine.')),
  killAll() {},
}

interface Settings {
  mostWarm?: number
  lineBytes?: number
  python?: string
  hasSecrets?: boolean
  containers?: Containers
  /** TASK_FFI_ALLOW. */
  libraries?: string[]
  scratchBytes?: number
}

/** Tasks from files, read and run as a worker does it. */
export async function openTasks(
  files: Record<string, string>,
  {
    mostWarm = 4,
    lineBytes = 65_536,
    python = 'python3',
    hasSecrets = true,
    libraries = [],
    scratchBytes = 0,
    containers = noContainers,
  }: Settings = {},
) {
  const folder = aFolder()
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const scratch = aFolder()
  const keeper = makeKeeper({ mark: `${ownMark()}-tasks-${String(keepers++)}`, log: silentLogger })
  const groups = makeProcessGroups({
    ...{ most: 32, path: PATH, keeper, cgroups: null },
    ...{ processes: 100, openFiles: 1024, scratchGuard: makeScratchGuard({ bytes: scratchBytes, files: 0 }) },
  })
  cleanUp(async () => {
    groups.killAll()
    await keeper.stop()
  })
  let folders = 0
  const told: string[] = []
  const log: Logger = {
    ...silentLogger,
    error: (message, fields) => void told.push(`${message} ${JSON.stringify(fields)}`),
  }
  const tasks = await readTasksFolders({
    folders: [folder],
    python,
    libraries: findAllowedLibraries(libraries, log),
    reserved: ['echo', 'sleep', 'command'],
    hasSecrets,
    groups,
    inherited: { PATH, LANG: 'C.UTF-8' },
    scratchFolders: {
      create(name) {
        const path = join(scratch, `${name}-${String(folders++)}`)
        mkdirSync(path)
        return Promise.resolve(path)
      },
      createBeside(folder, name) {
        mkdirSync(`${folder}-${name}`)
        return Promise.resolve(`${folder}-${name}`)
      },
      removeAll() {},
    },
    containers,
    resultBytes: 65_536,
    lineBytes,
    warm: makeWarmRoom({ most: mostWarm, idleMs: 60_000 }),
    log,
  })

  return {
    folder,
    tasks,
    groups,
    /** What the worker's log says of files that it can't use. */
    told,
    scratchLeft: () => readdirSync(scratch),
    liveGroups: () => [...groups.shared].filter((pid) => pid !== 0),
    begin(
      name: string,
      payload: Json = null,
      job: Partial<ClaimedJob> & { lastCheckpoint?: Json; secrets?: Record<string, string> } = {},
    ) {
      const task = tasks.find(({ offer }) => offer.name === name)
      if (!task) throw new Error(`No task ${name}: ${told.join('\n')}`)
      const controller = new AbortController()
      const seen = {
        log: [] as string[],
        stdout: '',
        stderr: '',
        progress: [] as [number, string | undefined][],
        checkpoints: [] as Json[],
        usage: {} as Omit<Usage, 'wallMs'>,
        artifacts: undefined as { names: string[]; hasFailed: boolean } | undefined,
      }
      const ended = task.run({
        job: aClaimedJob({ task: name, payload, ...job }),
        gpus: [],
        limits: null,
        signal: controller.signal,
        log: {
          write: (stream, piece) => void (seen[stream] += piece.toString()),
          tell: (text) => void seen.log.push(text),
        },
        progress: (percent, note) => void seen.progress.push([percent, note]),
        checkpoint(value) {
          seen.checkpoints.push(value)
          return Promise.resolve(true)
        },
        lastCheckpoint: () => Promise.resolve(job.lastCheckpoint ?? null),
        keepArtifacts(folder, { hasFailed }) {
          seen.artifacts = { names: readdirSync(folder), hasFailed }
          return Promise.resolve()
        },
        recordUsage: (figures) => (seen.usage = figures),
        recordStop() {},
        secrets: job.secrets ?? {},
        redact: (text) => text,
      })
      ended.catch(() => undefined)
      return { ended, seen, stop: (stop: Stop) => controller.abort(stop) }
    },
  }
}
