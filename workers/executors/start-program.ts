import { stopOf } from '../../queue/intake/stop.ts'
import { PermanentFailure, TaskFailure } from '../task.ts'
import type { GroupEnd, ProcessGroup, ProcessGroups, ProgramStart } from './process-groups.ts'

/** How much of stderr goes into the message of a failure. */
const messageTailChars = 1000

/** Errors of spawn that another attempt, later or on another node, may not meet. */
const passingErrors = new Set(['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM', 'ETXTBSY'])

/** Starts a program for a run. @throws TaskFailure SPAWN_FAILED, here or by `ended` */
export function startProgram(groups: ProcessGroups, program: ProgramStart): ProcessGroup {
  try {
    const group = groups.start(program)
    const ended = group.ended.catch((error: unknown) => {
      throw spawnFailed(program.file, error)
    })
    ended.catch(() => undefined) // whoever waits for it hears of it
    return { ...group, ended }
  } catch (error) {
    throw spawnFailed(program.file, error)
  }
}

/** Has the group stopped when the signal is aborted with a Stop. To be called back when that is over. */
export function stopOnAbort(group: Pick<ProcessGroup, 'stop'>, signal: AbortSignal): () => void {
  const onAbort = (): void => group.stop(stopOf(signal).killGraceMs)
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort)
  return () => signal.removeEventListener('abort', onAbort)
}

/** What an end other than exit code 0 means. `name`: of the program, for people. */
export function endFailure(name: string, end: GroupEnd, stderr: string): TaskFailure {
  if (end.outOfMemoryMb !== null)
    return new TaskFailure(
      'OUT_OF_MEMORY',
      `${name} needed more than the ${String(end.outOfMemoryMb)} MiB that it may use${tail(stderr)}`,
    )
  if (end.scratchFull !== null)
    return new TaskFailure('SCRATCH_FULL', `${name} had ${end.scratchFull}${tail(stderr)}`)
  if (end.signal) return new TaskFailure('SIGNAL', `${name} was ended by ${end.signal}${tail(stderr)}`)
  // setpriv, which starts the program, tells so when the kernel refuses it: a script whose interpreter is missing, a wrong architecture.
  if ((end.exitCode === 126 || end.exitCode === 127) && stderr.startsWith('setpriv: failed to execute'))
    return spawnFailed(name, new Error(stderr.trim()))
  return new TaskFailure('EXIT_CODE', `${name} ended with exit code ${String(end.exitCode)}${tail(stderr)}`)
}

function tail(stderr: string): string {
  const text = stderr.trim()
  if (!text) return '.'
  return `: ${text.length > messageTailChars ? `…${text.slice(-messageTailChars)}` : text}`
}

function spawnFailed(program: string, error: unknown): TaskFailure {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const message = `${program} could not be started: ${error instanceof Error ? error.message : String(error)}`
  return passingErrors.has(code)
    ? new TaskFailure('SPAWN_FAILED', message, error)
    : new PermanentFailure('SPAWN_FAILED', message, error)
}
