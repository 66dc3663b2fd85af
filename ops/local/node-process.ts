import { fork } from 'node:child_process'
import { closeSync, readFileSync, statSync } from 'node:fs'
import { childEnvironment } from './child-environment.ts'
import { lastLines, openLog } from './log-file.ts'
import type { Running } from './keep-running.ts'
import { send } from './processes.ts'

export interface NodeProcessOptions {
  /** The file to run: the main.ts of a process. */
  main: string
  /** Options that are set for it, over what we inherit. */
  env: Readonly<Record<string, string>>
  /** Gets what it prints, appended; by default it prints where we do. */
  logFile?: string
  /** How long it may take to end in order; then it is killed. */
  stopDeadlineMs: number
  /** Kills it when it fires, whatever it is doing. */
  killSignal: AbortSignal
}

export interface NodeProcess extends Running {
  /** Has it read its configuration anew. */
  reload(): void
}

/** Below a worker's whole log. */
const shownLines = 12

/**
 * Starts one of our processes and resolves when it says that it works (core/lifecycle.ts). It has a process group of its own, so that Ctrl-C in a terminal
 * reaches only us, and a channel to us, by whose end it learns that we are gone, however we went.
 * @throws Error with the end of its log file, when it ends before
 */
export async function startNodeProcess(
  options: NodeProcessOptions,
  signal: AbortSignal,
): Promise<NodeProcess> {
  const { logFile } = options
  const log = logFile === undefined ? 'inherit' : openLog(logFile)
  const startsAt = logFile === undefined ? 0 : statSync(logFile).size
  const child = fork(options.main, [], {
    env: childEnvironment(options.env),
    execArgv: [],
    stdio: ['ignore', log, log, 'ipc'],
    detached: true,
  })
  if (log !== 'inherit') closeSync(log)
  let hasEnded = false
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`it could not be started: ${error.message}`))
    child.once('exit', (code, by) =>
      resolve(by ? `it was ended by ${by}` : `it ended with exit code ${String(code)}`),
    )
  }).then((how) => {
    hasEnded = true
    options.killSignal.removeEventListener('abort', kill)
    return how
  })
  const kill = (): void => {
    if (!hasEnded && child.pid !== undefined) send(-child.pid, 'SIGKILL')
  }
  const stop = async (): Promise<void> => {
    if (hasEnded) return
    child.kill('SIGTERM')
    const timer = setTimeout(kill, options.stopDeadlineMs)
    await ended
    clearTimeout(timer)
  }

  options.killSignal.addEventListener('abort', kill)
  const giveIn = (): void => void stop()
  signal.addEventListener('abort', giveIn, { once: true })
  if (signal.aborted) giveIn()
  const works = new Promise<undefined>((resolve) => {
    child.once('message', () => resolve(undefined))
  })
  const how = await Promise.race([works, ended])
  signal.removeEventListener('abort', giveIn)
  if (how === undefined) return { ended, stop, reload: () => void child.kill('SIGHUP') }
  if (logFile === undefined) throw new Error(how)
  const output = readFileSync(logFile).subarray(startsAt).toString('utf8')
  throw new Error(`${how}. The end of ${logFile}:\n${lastLines(output, shownLines)}`)
}
