import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAlive, markOf, type ProcessMark } from '../../ops/local/processes.ts'
import { listProcesses, readChildren, readEnvironment } from '../../workers/executors/proc.ts'
import { cleanUp } from './clean-up.ts'
import { type CliAnswer, noodle } from './cli.ts'
import { waitFor } from './wait-for.ts'

/** How long `up` may take to start or to stop, on a machine that does much else. */
const upMs = 60_000
/** The guards of the servers wait 2 s before they act on a death (ops/local/guard.sh). */
const noticeMs = 20_000

/** The last line that `up` prints when it has started. */
const lastLine = /^Ctrl-C stops it.*\n/m

export interface Up {
  pid: number
  stdout(): string
  stderr(): string
  /** Resolves with the exit code when it has ended, null when a signal ended it. */
  exited: Promise<number | null>
  /** Sends a signal and waits for the end. */
  stop(signal: NodeJS.Signals): Promise<number | null>
  /** What the end of its terminal does: nobody reads what it prints any more, and it gets SIGHUP. */
  hangUp(): Promise<number | null>
}

/** A folder for one `up`, which has to make it. After the test it is gone, and with it what servers that root starts keep elsewhere. */
export function aHome(): string {
  const folder = mkdtempSync(join(tmpdir(), 'noodle-up-'))
  const home = join(folder, 'home')
  cleanUp(() => {
    for (const pointer of ['redis', 'postgres'].map((server) => join(home, server, 'location')))
      if (existsSync(pointer)) rmSync(readFileSync(pointer, 'utf8').trim(), { recursive: true, force: true })
    rmSync(folder, { recursive: true, force: true })
  })
  return home
}

/** Starts `bin/noodle up` and resolves when it has come up. After the test it is stopped, and no process of the home may be left. */
export async function startUp(home: string, settings: Record<string, string> = {}): Promise<Up> {
  const up = spawnUp(home, settings)
  let exitCode: number | null | undefined
  void up.exited.then((code) => (exitCode = code))
  cleanUp(async () => {
    if (exitCode === undefined) await up.stop('SIGINT')
    await waitFor(() => processesOf(home).length === 0, { timeoutMs: noticeMs })
  })
  await waitFor(() => lastLine.test(up.stdout()) || exitCode !== undefined, { timeoutMs: upMs })
  if (exitCode !== undefined)
    throw new Error(`up ended with exit code ${String(exitCode)}:\n${up.stdout()}${up.stderr()}`)
  return up
}

/** An `up` that has to end by itself. */
export async function runUp(home: string, settings: Record<string, string> = {}): Promise<CliAnswer> {
  const up = spawnUp(home, settings)
  cleanUp(() => up.stop('SIGINT')) // should it have come up
  return { code: await up.exited, stdout: up.stdout(), stderr: up.stderr() }
}

/** It inherits nothing that could tell it where the stores are, or which port to take. */
function spawnUp(home: string, settings: Record<string, string>): Up {
  const child = spawn(noodle, ['up'], {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '',
      NOODLE_HOME: home,
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text))
  const exited = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)))
  const stop = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), upMs)
    const code = await exited
    clearTimeout(timer)
    return code
  }
  return {
    pid: child.pid ?? 0,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    exited,
    stop,
    hangUp() {
      child.stdout.destroy()
      child.stderr.destroy()
      return stop('SIGHUP')
    },
  }
}

export interface HomeProcess extends ProcessMark {
  command: string
}

/** Who works for a home now: the processes that were told of it, and their descendants. Linux tells. */
export function processesOf(home: string): HomeProcess[] {
  const told = listProcesses().filter((pid) => readEnvironment(pid).includes(`NOODLE_HOME=${home}`))
  const withDescendants = (pid: number): number[] => [pid, ...readChildren(pid).flatMap(withDescendants)]
  return [...new Set(told.flatMap(withDescendants))].flatMap((pid) => {
    const mark = markOf(pid)
    return mark ? [{ ...mark, command: commandOf(pid) }] : []
  })
}

/** Those of them that still live. */
export const stillAlive = (processes: readonly HomeProcess[]): HomeProcess[] => processes.filter(isAlive)

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8')
      .replaceAll('\0', ' ')
      .trim()
  } catch {
    return '' // gone meanwhile
  }
}
