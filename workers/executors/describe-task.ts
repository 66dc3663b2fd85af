import { TaskFailure } from '../task.ts'
import { commandEnvironment } from './command-environment.ts'
import { makeLines } from './lines.ts'
import { makeOutputTail } from './output-tail.ts'
import { stderrTailBytes, type TaskProcessOptions, type TaskProgram } from './process-task.ts'
import { readMessage } from './protocol.ts'
import { removeScratch } from './scratch-folders.ts'
import { endFailure, startProgram } from './start-program.ts'

/** How long a task's file may take to tell what it is. */
const describeDeadlineMs = 20_000

/** Runs a task's program with NOODLE_DESCRIBE=1, and answers with what it tells of its task. @throws Error saying why it could not be read */
export async function describeTask(
  program: TaskProgram,
  { groups, inherited, scratchFolders, lineBytes }: TaskProcessOptions,
): Promise<unknown> {
  const scratch = await scratchFolders.create('describe')
  try {
    const stderr = makeOutputTail(stderrTailBytes)
    let told: { task: unknown } | undefined
    const group = startProgram(groups, {
      file: program.file,
      args: program.args,
      env: {
        ...commandEnvironment(inherited, { scratch, marks: {} }),
        ...program.env,
        NOODLE_DESCRIBE: '1',
      },
      cwd: scratch,
      stdin: undefined,
      hasChannel: true,
      onStdout() {},
      onStderr: (piece) => stderr.push(piece),
    })
    let failure: string | undefined
    const lines = makeLines(lineBytes, (line) => {
      const message = readMessage(line)
      if (message.type === 'task') told = { task: message.task }
      if (message.type === 'error') failure = message.message
    })
    group.channel?.fromProgram.on('data', (chunk: Buffer) => lines.push(chunk))
    const late = new AbortController()
    const timer = setTimeout(() => {
      late.abort()
      group.stop(0)
    }, describeDeadlineMs)
    const end = await group.ended.finally(() => clearTimeout(timer))
    lines.end()
    if (told) return told.task
    if (late.signal.aborted)
      throw new TaskFailure(
        'TIMEOUT',
        `It did not tell what it is within ${String(describeDeadlineMs / 1000)} s.`,
      )
    if (failure !== undefined) throw new Error(failure)
    if (end.exitCode !== 0) throw endFailure('It', end, stderr.text())
    throw new Error('It ended without telling what it is.')
  } finally {
    await removeScratch(scratch)
  }
}
