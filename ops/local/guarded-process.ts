import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { lastLines, openLog } from './log-file.ts'
import { send } from './processes.ts'
import type { ServiceUser } from './service-user.ts'

/** Without its comments, which `ps` would show. */
const guard = readFileSync(join(import.meta.dirname, 'guard.sh'), 'utf8').replace(/^#.*\n/gm, '')

/** How much of a log an error shows. */
const shownLines = 15

export interface GuardedProgram {
  program: string
  args: readonly string[]
  workingDirectory: string
  env: NodeJS.ProcessEnv
  /** Gets stdout and stderr, appended. */
  logFile: string
  /** The signal that asks the program to end in order. */
  stopSignal: 'SIGTERM' | 'SIGINT'
  user: ServiceUser | undefined
}

export interface GuardedProcess {
  /** Resolves when the program has ended, with a sentence that tells how. */
  readonly ended: Promise<string>
  readonly hasEnded: () => boolean
  /** True when the guard itself was killed: then the program may go on. Waits for the end. */
  wasGuardKilled(): Promise<boolean>
  /** Asks the program to end, and kills it when it has not after `deadlineMs`. Twice is harmless. */
  stop(deadlineMs: number): Promise<void>
  /** What this start of the program has written to its log so far. */
  output(): string
}

/** Starts a program that ends when this process ends, however it ends. It has its own process group, so that Ctrl-C in a terminal does not reach it. */
export function startGuarded(options: GuardedProgram): GuardedProcess {
  const { program, args, logFile, stopSignal, user } = options
  const logFd = openLog(logFile)
  const startsAt = statSync(logFile).size
  // The guard's text, not its file: the user that it runs as may not be able to read the checkout.
  const child = spawn(
    '/bin/sh',
    ['-c', guard, 'noodle-guard', stopSignal.slice('SIG'.length), program, ...args],
    {
      cwd: options.workingDirectory,
      env: options.env,
      stdio: ['pipe', logFd, logFd],
      detached: true,
      ...(user && { uid: user.uid, gid: user.gid }),
    },
  )
  closeSync(logFd)
  let hasEnded = false
  let guardKilled = false
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`${program} could not be started: ${error.message}`))
    child.once('exit', (code, signal) => {
      guardKilled = signal !== null
      resolve(`${program} ended ${signal ? `by ${signal}` : `with exit code ${String(code)}`}`)
    })
  }).then((how) => {
    hasEnded = true
    return how
  })
  child.stdin?.on('error', () => {}) // broken when the program ends: its exit tells that

  return {
    ended,
    hasEnded: () => hasEnded,
    wasGuardKilled: () => ended.then(() => guardKilled),
    async stop(deadlineMs) {
      if (hasEnded || child.pid === undefined) return
      const { pid } = child
      child.kill(stopSignal)
      const timer = setTimeout(() => send(-pid, 'SIGKILL'), deadlineMs)
      await ended
      clearTimeout(timer)
    },
    output: () => readFileSync(logFile).subarray(startsAt).toString('utf8'),
  }
}

/**
 * Waits until a server answers.
 * @throws Error with the end of its log when it ends before, or does not answer in time
 */
export async function waitUntilServing(
  server: GuardedProcess,
  isServing: () => Promise<boolean>,
  deadlineMs: number,
): Promise<void> {
  const giveUpAt = performance.now() + deadlineMs
  while (!(await isServing())) {
    if (server.hasEnded())
      throw new Error(`${await server.ended}. The end of its log:\n${lastLines(server.output(), shownLines)}`)
    if (performance.now() > giveUpAt)
      throw new Error(
        `A server did not answer within ${String(deadlineMs / 1000)} s. The end of its log:\n${lastLines(server.output(), shownLines)}`,
      )
    await once(AbortSignal.timeout(15), 'abort')
  }
}
