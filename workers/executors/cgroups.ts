import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** What all processes of a run may have together. */
export interface GroupLimits {
  memoryBytes: number
  /** Cores; absent: whatever is idle. */
  cpus?: number
  processes: number
}

/** A control group for the processes of a run, also those that leave its process group and session. */
export interface RunGroup {
  /** Folders into whose cgroup.procs its first process is to be written before it begins. */
  folders: readonly string[]
  /** Processes of it that the kernel killed because it had no memory left. */
  oomKills(): number
  members(): readonly number[]
  /** SIGKILL to all that are in it, until none is left, and away with it. */
  end(): Promise<void>
}

export interface Cgroups {
  version: 1 | 2
  begin(limits: GroupLimits): RunGroup
  /** At the end of the process, and of those that died (`isDead` says whose mark). */
  removeAll(isDead?: (mark: string) => boolean): void
}

/*
 * Control groups as folders: what both versions have in common. The files are made in memory, so reading them at once is right.
 */

/** SIGKILL to whatever is in the group takes no longer, unless it hangs in the kernel. */
const endDeadlineMs = 2000

/** Has all in the groups killed again and again, until their folders are gone. */
export async function removeWhenEmpty(folders: readonly string[], killAll: () => void): Promise<void> {
  for (let waitMs = 1, spentMs = 0; spentMs < endDeadlineMs; spentMs += waitMs, waitMs *= 2) {
    killAll()
    if (folders.map(tryRemove).every(Boolean)) return
    await delay(waitMs)
  }
}

export function killMembers(folder: string): void {
  for (const pid of membersOf(folder)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // gone meanwhile
    }
  }
}

/** 0 for those of other containers. */
export const membersOf = (folder: string): number[] =>
  readGroupFile(join(folder, 'cgroup.procs')).split('\n').filter(Boolean).map(Number)

/** The path of this process in a hierarchy, as /proc/self/cgroup tells; `controllers` as it lists them, empty for version 2. Null when it is in none. */
export function ownPath(controller: string): string | null {
  const line = readGroupFile('/proc/self/cgroup')
    .split('\n')
    .find((entry) => (entry.split(':')[1]?.split(',') ?? []).includes(controller))
  return line?.split(':').slice(2).join(':') ?? null
}

export function listGroups(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
  } catch {
    return []
  }
}

/** True when it is gone. */
export function tryRemove(folder: string): boolean {
  try {
    rmdirSync(folder)
    return true
  } catch {
    return !existsSync(folder)
  }
}

/** Empty when it can't be read. */
export function readGroupFile(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
