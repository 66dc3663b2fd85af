import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { workerFolderPrefix } from './worker-folder.ts'

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
  /** SIGKILL to all that are in it, until none is left, and away with it. */
  end(): Promise<void>
}

export interface Cgroups {
  begin(limits: GroupLimits): RunGroup
  /** At the end of the process, and of those that died (`isDead` says whose mark). */
  removeAll(isDead?: (mark: string) => boolean): void
}

const endDeadlineMs = 2000
const periodUs = 100_000

/** The control groups of version 1 in which this process is, each with one controller; null where they are missing or not ours to write to. */
export function openCgroups(mark: string, root = '/sys/fs/cgroup'): Cgroups | null {
  const bases = ['memory', 'pids', 'cpu'].map((controller) => join(root, controller, ownPath(controller)))
  const [memory = '', pids = '', cpu = ''] = bases.map((base, i) =>
    existsSync(base) ? base : join(root, ['memory', 'pids', 'cpu'][i] ?? ''),
  )
  const own = [memory, pids, cpu].map((base) => join(base, `${workerFolderPrefix}${mark}`))
  let count = 0
  try {
    for (const folder of own) mkdirSync(folder, { recursive: true })
    // A plain folder has none of these; a group that is not ours refuses the write.
    writeFileSync(join(own[0] ?? '', 'memory.limit_in_bytes'), '-1', { flag: 'r+' })
    if (!existsSync(join(own[1] ?? '', 'pids.max')) || !existsSync(join(own[2] ?? '', 'cpu.cfs_quota_us')))
      throw new Error('A controller is missing.')
  } catch {
    own.forEach(tryRemove)
    return null
  }

  return {
    begin({ memoryBytes, cpus, processes }) {
      const name = String(count++)
      const folders = own.map((base) => join(base, name))
      const [ofMemory = '', ofPids = '', ofCpu = ''] = folders
      for (const folder of folders) mkdirSync(folder)
      writeFileSync(join(ofMemory, 'memory.limit_in_bytes'), String(memoryBytes))
      // Else what is too much goes to swap. Without accounting of swap there is no such file.
      if (existsSync(join(ofMemory, 'memory.memsw.limit_in_bytes')))
        writeFileSync(join(ofMemory, 'memory.memsw.limit_in_bytes'), String(memoryBytes))
      writeFileSync(join(ofPids, 'pids.max'), String(processes))
      if (cpus !== undefined)
        writeFileSync(
          join(ofCpu, 'cpu.cfs_quota_us'),
          String(Math.max(1000, Math.round(cpus * periodUs))), // of the default period
        )
      return {
        folders,
        oomKills: () => Number(/oom_kill (\d+)/.exec(read(join(ofMemory, 'memory.oom_control')))?.[1] ?? 0),
        async end() {
          for (let waitMs = 1, spentMs = 0; spentMs < endDeadlineMs; spentMs += waitMs, waitMs *= 2) {
            for (const pid of membersOf(ofPids)) kill(pid)
            if (folders.map(tryRemove).every(Boolean)) return
            await delay(waitMs)
          }
        },
      }
    },
    removeAll(isDead) {
      for (const base of [memory, pids, cpu])
        for (const name of list(base)) {
          if (!name.startsWith(workerFolderPrefix)) continue
          const whose = name.slice(workerFolderPrefix.length)
          if (!(isDead ? isDead(whose) : whose === mark)) continue
          for (const run of list(join(base, name))) tryRemove(join(base, name, run))
          tryRemove(join(base, name))
        }
    },
  }
}

function ownPath(controller: string): string {
  const line = read('/proc/self/cgroup')
    .split('\n')
    .find((entry) => entry.split(':')[1]?.split(',').includes(controller))
  return line?.split(':').slice(2).join(':') ?? ''
}

const membersOf = (folder: string): number[] =>
  read(join(folder, 'cgroup.procs')).split('\n').filter(Boolean).map(Number)

function list(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
  } catch {
    return []
  }
}

/** True when it is gone. */
function tryRemove(folder: string): boolean {
  try {
    rmdirSync(folder)
    return true
  } catch {
    return !existsSync(folder)
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // gone meanwhile
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
