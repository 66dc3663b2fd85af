import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { inheritedEnvironment } from './process-environment.ts'

const root = join(import.meta.dirname, '../..')

/** How soon a process that ended by itself is started again, as a supervisor would. */
const restartMs = 200

export type Role = 'gateway' | 'worker' | 'ops'

export interface ProductProcess {
  readonly name: string
  readonly role: Role
  /** Undefined while it is down. */
  pid(): number | undefined
  /** Every pid that it has had. */
  pids(): readonly number[]
  /** Starts it and resolves when it says that it works. `armed`: variables for this one life, which end with it. */
  start(armed?: Record<string, string>): Promise<void>
  signal(signal: NodeJS.Signals): void
  /** Sends the signal and resolves when the process has ended; it stays down. @throws when it is still there after `deadlineMs`, having killed it */
  stop(signal: NodeJS.Signals, deadlineMs: number): Promise<{ code: number | null; tookMs: number }>
  /** Resolves when its present life ends, true; false after the deadline. */
  endsWithin(ms: number): Promise<boolean>
  /** Times that it ended unasked. */
  surprises(): number
}

export interface ProductProcessOptions {
  name: string
  role: Role
  /** The file to run, from the root of the checkout. */
  main: string
  env: Record<string, string>
  logFile: string
}

/** A process of the platform, under a supervisor that starts it again when it ends unasked. */
export function makeProductProcess({
  name,
  role,
  main,
  env,
  logFile,
}: ProductProcessOptions): ProductProcess {
  const pids: number[] = []
  let child: ChildProcess | undefined
  let ended = Promise.resolve<number | null>(null)
  let isWanted = false
  let surprises = 0

  function launch(armed: Record<string, string>): Promise<void> {
    const log = openSync(logFile, 'a')
    const preload = join(import.meta.dirname, 'preload/preload.ts')
    const mine = spawn(process.execPath, ['--import', preload, join(root, main)], {
      cwd: root,
      env: { ...inheritedEnvironment(), ...env, ...armed },
      stdio: ['ignore', log, log, 'ipc'],
    })
    closeSync(log)
    child = mine
    if (mine.pid !== undefined) pids.push(mine.pid)
    ended = new Promise((resolve) => mine.once('exit', (code) => resolve(code)))
    void ended.then(() => {
      if (child === mine) child = undefined
      if (isWanted) void startAgain()
    })
    return new Promise((resolve) => {
      mine.once('message', () => resolve())
      mine.once('exit', () => resolve())
    })
  }

  async function startAgain(): Promise<void> {
    surprises++
    await sleep(restartMs, undefined, { ref: false })
    if (isWanted && !child) await launch({})
  }

  const result: ProductProcess = {
    name,
    role,
    pid: () => child?.pid,
    pids: () => pids,
    async start(armed = {}) {
      isWanted = true
      if (!child) await launch(armed)
    },
    signal(signal) {
      child?.kill(signal)
    },
    async stop(signal, deadlineMs) {
      const startedMs = performance.now()
      isWanted = false
      const mine = child
      if (!mine) return { code: null, tookMs: 0 }
      mine.kill(signal)
      if (!(await result.endsWithin(deadlineMs))) {
        mine.kill('SIGKILL')
        await ended
        throw new Error(`${name} did not end within ${deadlineMs} ms of ${signal}.`)
      }
      return { code: await ended, tookMs: performance.now() - startedMs }
    },
    async endsWithin(ms) {
      const late = new AbortController()
      const inTime = await Promise.race([
        ended.then(() => true),
        sleep(ms, false, { signal: late.signal }).catch(() => false),
      ])
      late.abort()
      return inTime
    },
    surprises: () => surprises,
  }
  return result
}
