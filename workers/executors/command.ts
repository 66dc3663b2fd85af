import { rm } from 'node:fs/promises'
import { builtinTasks, type CommandPayload, commandPayload } from '../../queue/domain/builtin-tasks.ts'
import { PermanentFailure, stopOf, type Task, TaskFailure } from '../task.ts'
import type { AllowedPrograms } from './allowed-programs.ts'
import { commandEnvironment, type InheritedEnvironment } from './command-environment.ts'
import { makeOutputTail } from './output-tail.ts'
import type { GroupEnd, ProcessGroup, ProcessGroups } from './process-groups.ts'
import type { ScratchFolders } from './scratch-folders.ts'

export interface CommandOptions {
  programs: AllowedPrograms
  groups: ProcessGroups
  inherited: InheritedEnvironment
  /** How much of the end of stdout and of stderr is kept. */
  outputBytes: number
  scratchFolders: ScratchFolders
}

const [, , definition] = builtinTasks

/** How much of stderr goes into the message of a failure. */
const messageTailChars = 1000

/** Errors of spawn that another attempt, later or on another node, may not meet. */
const passingErrors = new Set(['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM', 'ETXTBSY'])

/**
 * Runs a program in a process group of its own, with a scratch folder as its home and present folder, and an environment that holds nothing of the
 * worker's. When the run ends, for whatever reason, the group and the folder are gone.
 */
export function makeCommandTask(options: CommandOptions): Task {
  return {
    definition,
    async run({ job, signal, recordUsage }) {
      const parsed = commandPayload.safeParse(job.payload)
      if (!parsed.success)
        throw new PermanentFailure(
          'PAYLOAD_MISFIT',
          'The payload does not fit the task command.',
          parsed.error,
        )
      const payload = parsed.data
      const [program = ''] = payload.argv
      const file = options.programs.find(program)
      if (!file) throw notAllowed(program, options.programs)

      const scratch = await options.scratchFolders.create(job.id)
      try {
        const marks = {
          NOODLE_JOB_ID: job.id,
          NOODLE_ATTEMPT: String(job.attempt),
          NOODLE_FENCE: String(job.fence),
        }
        const env = commandEnvironment(options.inherited, { scratch, marks }, payload.env)
        signal.throwIfAborted() // nobody would hear of it later
        const stdout = makeOutputTail(options.outputBytes)
        const stderr = makeOutputTail(options.outputBytes)
        const end = await runProgram(options.groups, { file, payload, env, scratch, signal, stdout, stderr })
        recordUsage(end.usage)
        throwUnlessSucceeded(program, end, stderr.text())
        return {
          exitCode: end.exitCode,
          stdout: stdout.text(),
          stderr: stderr.text(),
          truncated: stdout.isTruncated() || stderr.isTruncated(),
        }
      } finally {
        // What the group wrote a moment ago may appear while the folder is being emptied: a few tries.
        await rm(scratch, { recursive: true, force: true, maxRetries: 3, retryDelay: 20 })
      }
    },
  }
}

interface Run {
  file: string
  payload: CommandPayload
  env: Record<string, string>
  scratch: string
  signal: AbortSignal
  stdout: { push(chunk: Buffer): void }
  stderr: { push(chunk: Buffer): void }
}

async function runProgram(
  groups: ProcessGroups,
  { file, payload, env, scratch, signal, stdout, stderr }: Run,
): Promise<GroupEnd> {
  let group: ProcessGroup
  try {
    group = groups.start({
      file,
      args: payload.argv.slice(1),
      env,
      cwd: scratch,
      stdin: payload.stdin,
      onStdout: (chunk) => stdout.push(chunk),
      onStderr: (chunk) => stderr.push(chunk),
    })
  } catch (error) {
    throw spawnFailed(file, error)
  }
  const onAbort = (): void => group.stop(stopOf(signal).killGraceMs)
  signal.addEventListener('abort', onAbort)
  try {
    return await group.ended.catch((error: unknown) => {
      throw spawnFailed(file, error)
    })
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function throwUnlessSucceeded(program: string, end: GroupEnd, stderr: string): void {
  if (end.exitCode === 0) return
  if (end.signal) throw new TaskFailure('SIGNAL', `${program} was ended by ${end.signal}${tail(stderr)}`)
  // setpriv, which starts the program, tells so when the kernel refuses it: a script whose interpreter is missing, a wrong architecture.
  if ((end.exitCode === 126 || end.exitCode === 127) && stderr.startsWith('setpriv: failed to execute'))
    throw spawnFailed(program, new Error(stderr.trim()))
  throw new TaskFailure('EXIT_CODE', `${program} ended with exit code ${String(end.exitCode)}${tail(stderr)}`)
}

function tail(stderr: string): string {
  const text = stderr.trim()
  if (!text) return '.'
  return `: ${text.length > messageTailChars ? `…${text.slice(-messageTailChars)}` : text}`
}

function notAllowed(program: string, programs: AllowedPrograms): PermanentFailure {
  const allowed = programs.names.length > 0 ? `allowed are ${programs.names.join(', ')}` : 'none is allowed'
  return new PermanentFailure(
    'COMMAND_NOT_ALLOWED',
    `The program ${program.slice(0, 200)} is not on this node's list TASK_COMMAND_ALLOW; ${allowed}.`,
  )
}

function spawnFailed(program: string, error: unknown): TaskFailure {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const message = `${program} could not be started: ${error instanceof Error ? error.message : String(error)}`
  return passingErrors.has(code)
    ? new TaskFailure('SPAWN_FAILED', message, error)
    : new PermanentFailure('SPAWN_FAILED', message, error)
}
