import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A process as it can be recognised later: ids are used again, so its start belongs to it. */
export interface ProcessMark {
  pid: number
  startedAt: string
}

export function markOf(pid: number): ProcessMark | undefined {
  const startedAt = startOf(pid)
  return startedAt === undefined ? undefined : { pid, startedAt }
}

/** True while exactly this process lives, not a later one with its id. */
export function isAlive(mark: ProcessMark): boolean {
  return startOf(mark.pid) === mark.startedAt
}

function startOf(pid: number): string | undefined {
  if (process.platform !== 'linux') return ps(pid, 'lstart=')
  try {
    // Fields after the name, which may itself hold spaces and parentheses: state is the 1st, the start in ticks since boot the 20th (proc(5)).
    const fields =
      readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
        .split(') ')
        .at(-1)
        ?.split(' ') ?? []
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

/** True when a server process works on that folder: both Redis and Postgres make it their working directory. */
export function worksIn(pid: number, folder: string): boolean {
  try {
    if (process.platform === 'linux') return readlinkSync(`/proc/${String(pid)}/cwd`) === realpathSync(folder)
    return ps(pid, 'args=')?.includes(folder) ?? false
  } catch {
    return false
  }
}

/** All processes of a program that work on a folder, on Linux. Its name decides, for an update of the package may have replaced the file meanwhile. */
export function findAllIn(folder: string, program: string): number[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => worksIn(pid, folder) && programOf(pid) === basename(program))
}

function programOf(pid: number): string {
  try {
    return basename(readlinkSync(`/proc/${String(pid)}/exe`).replace(/ \(deleted\)$/, ''))
  } catch {
    return ''
  }
}

/** Stops a process that is not our child. Resolves when it is gone. */
export async function stopStranger(pid: number, signal: NodeJS.Signals, deadlineMs: number): Promise<void> {
  const mark = markOf(pid)
  if (!mark) return
  send(pid, signal)
  const giveUpAt = performance.now() + deadlineMs
  while (isAlive(mark)) {
    if (performance.now() > giveUpAt) send(pid, 'SIGKILL')
    await sleep(20)
  }
}

/** Sends a signal; a process that is gone needs none. */
export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function ps(pid: number, column: string): string | undefined {
  try {
    return (
      execFileSync('ps', ['-o', column, '-p', String(pid)], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim() || undefined
    )
  } catch {
    return undefined
  }
}
