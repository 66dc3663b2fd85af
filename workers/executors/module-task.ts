import { fileURLToPath } from 'node:url'
import type { TaskOffer } from '../../queue/domain/node.ts'
import type { Task } from '../task.ts'
import { converse } from './conversation.ts'
import { readChildren, readMemory, readStat } from './proc.ts'
import {
  resultOf,
  silenceOf,
  startMessage,
  type TaskProcessOptions,
  type TaskProgram,
} from './process-task.ts'
import { inRunFolder } from './run-folder.ts'
import { stopOnAbort } from './start-program.ts'
import { makeWarmProcesses, type WarmRoom } from './warm-processes.ts'

export interface ModuleTaskOptions extends TaskProcessOptions {
  warm: WarmRoom
}

/** Node, for a module of a tasks folder. */
export const moduleProgram = (path: string): TaskProgram => ({
  file: process.execPath,
  args: [
    '--disable-warning=ExperimentalWarning',
    '--enable-source-maps',
    fileURLToPath(new URL('../module-process.ts', import.meta.url)),
    path,
  ],
  env: {},
})

/** A task from a module. Its processes are kept for a while after a run that ended well, since Node takes longer to start than a short task to run. */
export function makeModuleTask(offer: TaskOffer, program: TaskProgram, options: ModuleTaskOptions): Task {
  const { scratchFolders, lineBytes } = options
  const processes = makeWarmProcesses(program, options)
  return {
    offer,
    async run(context) {
      const { job, signal, recordUsage } = context
      return inRunFolder(scratchFolders, context, async (folder) => {
        const start = await startMessage(context, folder)
        signal.throwIfAborted() // nobody would hear of it later
        const worker = processes.take(context.log, context.limits, job.tenant)
        const { group, channel } = worker
        const cpuMsBefore = readStat(group.pid)?.cpuMs ?? 0
        const said = converse(channel, start, context, { lineBytes, silenceMs: silenceOf(offer) })
        const stopped = stopOnAbort(group, signal) // after the word of it
        const scratchOver = group.guardScratch([folder.scratch, folder.artifacts])
        const word = await said
        scratchOver()
        const stat = readStat(group.pid)
        // What it has started and not waited for would go on in the time of another job.
        const isReusable =
          word && 'result' in word && !signal.aborted && stat && readChildren(group.pid).length === 0
        if (isReusable) {
          const memory = readMemory(group.pid)
          recordUsage({ cpuMs: stat.cpuMs - cpuMsBefore, ...(memory && { maxRssBytes: memory.peakBytes }) })
          stopped()
          worker.giveBack()
          return word.result
        }
        if (word) group.stop(0)
        const end = await group.ended
        stopped()
        if (end.stopped) context.recordStop(end.stopped)
        const { cpuMs, ...usage } = end.usage
        recordUsage({ ...usage, ...(cpuMs !== undefined && { cpuMs: Math.max(0, cpuMs - cpuMsBefore) }) })
        return resultOf(offer.name, word, end, context.redact(worker.stderr()))
      })
    },
  }
}
