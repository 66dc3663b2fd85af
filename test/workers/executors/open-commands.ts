import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { silentLogger } from '../../../core/logger.ts'
import type { ClaimedJob, Json, Usage } from '../../../queue/domain/job.ts'
import { findAllowedPrograms } from '../../../workers/executors/allowed-programs.ts'
import type { Cgroups } from '../../../workers/executors/cgroups.ts'
import { makeCommandTask } from '../../../workers/executors/command.ts'
import { openCgroups } from '../../../workers/executors/open-cgroups.ts'
import { makeProcessGroups } from '../../../workers/executors/process-groups.ts'
import { makeScratchGuard, type ScratchLimits } from '../../../workers/executors/scratch-guard.ts'
import { ownMark } from '../../../workers/executors/worker-mark.ts'
import { makeKeeper } from '../../../workers/keeper.ts'
import type { RunLimits } from '../../../queue/intake/slots.ts'
import type { Stop } from '../../../queue/intake/stop.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { aClaimedJob, aFolder, noLog, noNotes } from '../a-run.ts'

export const PATH = '/usr/local/bin:/usr/bin:/bin'

export interface Ended {
  result: { exitCode: number; stdout: string; stderr: string; truncated: boolean }
  usage: Omit<Usage, 'wallMs'>
}

let keepers = 0

/** Commands as a worker with this configuration runs them. */
export function openCommands({
  allow = ['sh'],
  outputBytes = 65_536,
  open = openCgroups,
  scratchLimits = { bytes: 0, files: 0 },
}: {
  allow?: string[]
  outputBytes?: number
  open?: (mark: string) => Cgroups | null
  scratchLimits?: ScratchLimits
} = {}) {
  const scratch = aFolder()
  const mark = `${ownMark()}-${String(keepers++)}`
  const keeper = makeKeeper({ mark, log: silentLogger })
  const cgroups = open(mark)
  const groups = makeProcessGroups({
    ...{ most: 10, path: PATH, keeper },
    cgroups,
    ...{ processes: 50, openFiles: 64 },
    scratchGuard: makeScratchGuard(scratchLimits),
  })
  cleanUp(async () => {
    groups.killAll()
    cgroups?.removeAll()
    await keeper.stop()
  })
  let folders = 0
  const stops: string[] = []
  const task = makeCommandTask({
    programs: findAllowedPrograms(allow, { path: PATH, log: silentLogger }),
    groups,
    inherited: { PATH, LANG: 'C.UTF-8' },
    outputBytes,
    scratchFolders: {
      create() {
        const folder = join(scratch, String(folders++))
        mkdirSync(folder)
        return Promise.resolve(folder)
      },
      createBeside(folder, name) {
        mkdirSync(`${folder}-${name}`)
        return Promise.resolve(`${folder}-${name}`)
      },
      removeAll() {},
    },
  })
  return {
    scratch,
    keeper,
    groups,
    cgroups,
    stops,
    run: async (
      payload: Json,
      {
        signal = new AbortController().signal,
        gpus = [],
        limits = null,
        ...job
      }: Partial<ClaimedJob> & { signal?: AbortSignal; gpus?: number[]; limits?: RunLimits | null } = {},
    ): Promise<Ended> => {
      let usage: Ended['usage'] = {}
      const result = await task.run({
        job: aClaimedJob({ task: 'command', payload, ...job }),
        gpus,
        limits,
        signal,
        log: noLog,
        ...noNotes,
        recordUsage: (figures) => (usage = figures),
        recordStop: (how) => stops.push(how),
      })
      return { result: result as unknown as Ended['result'], usage }
    },
  }
}

/** A signal, and how to abort it. */
export function aStop(): { signal: AbortSignal; stop: (stop: Stop) => void } {
  const controller = new AbortController()
  return { signal: controller.signal, stop: (stop) => controller.abort(stop) }
}
