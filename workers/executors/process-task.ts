import { setTimeout as delay } from 'node:timers/promises'
import type { TaskOffer } from '../../queue/domain/node.ts'
import { type Task, type TaskContext, TaskFailure } from '../task.ts'
import { commandEnvironment, type InheritedEnvironment } from './command-environment.ts'
import { converse, type LastWord } from './conversation.ts'
import { makeOutputTail } from './output-tail.ts'
import type { GroupEnd, ProcessGroups } from './process-groups.ts'
import { protocolVersion, type StartMessage } from './protocol.ts'
import { inRunFolder, type RunFolder } from './run-folder.ts'
import { runVariables } from './run-variables.ts'
import type { ScratchFolders } from './scratch-folders.ts'
import { endFailure, startProgram, stopOnAbort } from './start-program.ts'

/** What the processes of tasks are started with. */
export interface TaskProcessOptions {
  groups: ProcessGroups
  inherited: InheritedEnvironment
  scratchFolders: ScratchFolders
  /** Longest line that a task may tell. */
  lineBytes: number
}

/** How the process of a task is started. */
export interface TaskProgram {
  /** Absolute path. */
  file: string
  args: readonly string[]
  env: Readonly<Record<string, string>>
}

/** How much of the end of stderr is kept for the message of a failure. */
export const stderrTailBytes = 8192

/** How long a process may take to end by itself after its last word. */
const leaveDeadlineMs = 2000

/** A task whose every run is a process of its own, which speaks the line protocol. */
export function makeProcessTask(offer: TaskOffer, program: TaskProgram, options: TaskProcessOptions): Task {
  const { groups, inherited, scratchFolders, lineBytes } = options
  return {
    offer,
    async run(context) {
      const { signal, log } = context
      return inRunFolder(scratchFolders, context, async (folder) => {
        const start = await startMessage(context, folder)
        signal.throwIfAborted() // nobody would hear of it later
        const stderr = makeOutputTail(stderrTailBytes)
        const group = startProgram(groups, {
          file: program.file,
          args: program.args,
          env: {
            ...commandEnvironment(inherited, {
              scratch: folder.scratch,
              marks: runVariables(context, folder.artifacts),
            }),
            ...program.env,
          },
          cwd: folder.scratch,
          limits: context.limits,
          stdin: undefined,
          hasChannel: true,
          onStdout: (piece) => log.write('stdout', piece),
          onStderr(piece) {
            stderr.push(piece)
            log.write('stderr', piece)
          },
        })
        let word: LastWord = null
        if (group.channel) {
          const said = converse(group.channel, start, context, { lineBytes, silenceMs: silenceOf(offer) })
          const stopped = stopOnAbort(group, signal) // after the word of it
          group.guardScratch([folder.scratch, folder.artifacts])
          word = await said
          if (word) await leave(group.ended, () => group.stop(0))
          else await group.ended
          stopped()
        }
        const end = await group.ended
        context.recordUsage(end.usage)
        if (end.stopped) context.recordStop(end.stopped)
        return resultOf(offer.name, word, end, context.redact(stderr.text()))
      })
    },
  }
}

export async function startMessage(
  context: TaskContext,
  { scratch, artifacts }: RunFolder,
): Promise<StartMessage> {
  const { job } = context
  return {
    type: 'start',
    protocol: protocolVersion,
    id: job.id,
    task: job.task,
    attempt: job.attempt,
    fence: job.fence,
    input: job.payload,
    lastCheckpoint: await context.lastCheckpoint(),
    gpus: [...context.gpus],
    scratch,
    artifacts,
    timeoutMs: job.timeoutMs,
    ...(Object.keys(context.secrets).length > 0 && { secrets: context.secrets }),
  }
}

export const silenceOf = (offer: TaskOffer): number | null => offer.defaults?.silenceMs ?? null

/** @throws TaskFailure when it is no result */
export function resultOf(name: string, word: LastWord, end: GroupEnd, stderr: string) {
  if (word && 'result' in word) return word.result
  if (word) throw word.failure
  const process = `The process of the task ${name}`
  if (end.exitCode === 0)
    throw new TaskFailure('EXIT_CODE', `${process} ended with exit code 0 before it told a result.`)
  throw endFailure(process, end, stderr)
}

async function leave(ended: Promise<unknown>, kill: () => void): Promise<void> {
  const gone = new AbortController()
  const late = delay(leaveDeadlineMs, 'late', { signal: gone.signal }).catch(() => undefined)
  const how = await Promise.race([ended.then(() => undefined), late])
  gone.abort()
  if (how === 'late') kill()
}
