import { builtinTasks, commandPayload } from '../../queue/domain/builtin-tasks.ts'
import { toOffer } from '../../queue/use-cases/catalogue.ts'
import { PermanentFailure, type Task } from '../task.ts'
import type { AllowedPrograms } from './allowed-programs.ts'
import { commandEnvironment, type InheritedEnvironment } from './command-environment.ts'
import { makeOutputTail } from './output-tail.ts'
import type { ProcessGroups } from './process-groups.ts'
import { readPayload } from './read-payload.ts'
import { inRunFolder } from './run-folder.ts'
import { runVariables } from './run-variables.ts'
import type { ScratchFolders } from './scratch-folders.ts'
import { endFailure, startProgram, stopOnAbort } from './start-program.ts'

export interface CommandOptions {
  programs: AllowedPrograms
  groups: ProcessGroups
  inherited: InheritedEnvironment
  /** How much of the end of stdout and of stderr is kept. */
  outputBytes: number
  scratchFolders: ScratchFolders
}

const [, , definition] = builtinTasks

/**
 * Runs a program in a process group of its own, with a scratch folder as its home and present folder, and an environment that holds nothing of the
 * worker's. When the run ends, for whatever reason, the group and the folder are gone.
 */
export function makeCommandTask(options: CommandOptions): Task {
  return {
    offer: toOffer(definition),
    async run(context) {
      const { job, gpus, limits, signal, log, recordUsage, recordStop } = context
      const payload = readPayload('command', commandPayload, job.payload)
      const [program = ''] = payload.argv
      const file = options.programs.find(program)
      if (!file) throw notAllowed(program, options.programs)

      return inRunFolder(options.scratchFolders, context, async ({ scratch, artifacts }) => {
        const marks = runVariables({ job, gpus }, artifacts)
        const env = commandEnvironment(options.inherited, { scratch, marks }, payload.env)
        signal.throwIfAborted() // nobody would hear of it later
        const stdout = makeOutputTail(options.outputBytes)
        const stderr = makeOutputTail(options.outputBytes)
        const group = startProgram(options.groups, {
          file,
          args: payload.argv.slice(1),
          env,
          cwd: scratch,
          limits,
          stdin: payload.stdin,
          onStdout(piece) {
            stdout.push(piece)
            log.write('stdout', piece)
          },
          onStderr(piece) {
            stderr.push(piece)
            log.write('stderr', piece)
          },
        })
        const stopped = stopOnAbort(group, signal)
        group.guardScratch([scratch, artifacts])
        const end = await group.ended.finally(stopped)
        recordUsage(end.usage)
        if (end.stopped) recordStop(end.stopped)
        if (end.exitCode !== 0) throw endFailure(program, end, stderr.text())
        return {
          exitCode: end.exitCode,
          stdout: stdout.text(),
          stderr: stderr.text(),
          truncated: stdout.isTruncated() || stderr.isTruncated(),
        }
      })
    },
  }
}

function notAllowed(program: string, programs: AllowedPrograms): PermanentFailure {
  const allowed = programs.names.length > 0 ? `allowed are ${programs.names.join(', ')}` : 'none is allowed'
  return new PermanentFailure(
    'COMMAND_NOT_ALLOWED',
    `The program ${program.slice(0, 200)} is not on this node's list TASK_COMMAND_ALLOW; ${allowed}.`,
  )
}
