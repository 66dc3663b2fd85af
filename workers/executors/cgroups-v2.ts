import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  type Cgroups,
  killMembers,
  listGroups,
  membersOf,
  ownPath,
  readGroupFile,
  removeWhenEmpty,
  tryRemove,
} from './cgroups.ts'
import { readParent } from './proc.ts'
import { workerFolderPrefix } from './worker-folder.ts'

const controllers = ['memory', 'pids', 'cpu'] as const
const periodUs = 100_000

/** Where this process itself goes: a group whose children have controllers may hold no processes (Control Group v2, "No Internal Process Constraint"). */
const workerGroup = 'worker'

/**
 * Control groups of version 2, below the group in which this process is; null where they are missing, or not ours to write to. Nobody else is moved: the
 * group must be the root of the hierarchy, which may hold processes, or hold only this process, those that it was started by and those that it has started;
 * or be one of several in a group that was delegated and holds none itself (systemd's `DelegateSubgroup=`).
 */
export function openCgroupsV2(mark: string, root = '/sys/fs/cgroup'): Cgroups | null {
  const path = ownPath('')
  if (path === null || !existsSync(join(root, 'cgroup.controllers'))) return null
  const group = existsSync(join(root, path)) ? join(root, path) : root
  const bases = [group, ...(isDelegatedAbove(group, root) ? [dirname(group)] : [])]
  const base = bases.find((candidate) => tryOpen(candidate, mark))
  if (base === undefined) return null
  const own = join(base, `${workerFolderPrefix}${mark}`)
  let count = 0

  return {
    version: 2,
    begin({ memoryBytes, cpus, processes }) {
      const folder = join(own, String(count++))
      mkdirSync(folder)
      const write = (file: string, value: string): void => writeFileSync(join(folder, file), value)
      write('memory.max', String(memoryBytes))
      // Else what is too much goes to swap. Without accounting of swap there is no such file.
      if (existsSync(join(folder, 'memory.swap.max'))) write('memory.swap.max', '0')
      write('pids.max', String(processes))
      if (cpus !== undefined)
        write('cpu.max', `${String(Math.max(1000, Math.round(cpus * periodUs)))} ${String(periodUs)}`)
      return {
        folders: [folder],
        oomKills: () =>
          Number(/^oom_kill (\d+)/m.exec(readGroupFile(join(folder, 'memory.events')))?.[1] ?? 0),
        members: () => membersOf(folder),
        end: () => removeWhenEmpty([folder], () => killGroup(folder)),
      }
    },
    removeAll(isDead) {
      for (const name of listGroups(base)) {
        if (!name.startsWith(workerFolderPrefix)) continue
        const whose = name.slice(workerFolderPrefix.length)
        if (!(isDead ? isDead(whose) : whose === mark)) continue
        for (const run of listGroups(join(base, name))) tryRemove(join(base, name, run))
        tryRemove(join(base, name)) // our own stays for as long as we are in it: the next worker removes it
      }
    },
  }
}

/** A group of the same owner above this one, which holds no processes, is there to be divided; systemd's slices are systemd's. */
function isDelegatedAbove(group: string, root: string): boolean {
  const above = dirname(group)
  return group !== root && above !== root && !above.endsWith('.slice') && membersOf(above).length === 0
}

/** Makes the worker's group below `base`, with the controllers for the groups of its runs. */
function tryOpen(base: string, mark: string): boolean {
  const own = join(base, `${workerFolderPrefix}${mark}`)
  // The true root has no type, and may hold processes beside groups with controllers.
  const isRoot = !existsSync(join(base, 'cgroup.type'))
  const members = membersOf(base)
  if (!isRoot && !members.every(isRelated)) return false
  const enable = controllers.map((controller) => `+${controller}`).join(' ')
  try {
    mkdirSync(join(own, workerGroup), { recursive: true })
    if (!isRoot) for (const pid of members) writeFileSync(join(own, workerGroup, 'cgroup.procs'), String(pid))
    writeFileSync(join(base, 'cgroup.subtree_control'), enable)
    writeFileSync(join(own, 'cgroup.subtree_control'), enable)
    return true
  } catch {
    // Back to where they were. What was enabled above stays: it changes nothing for anybody.
    for (const pid of membersOf(join(own, workerGroup))) tryMove(pid, base)
    tryRemove(join(own, workerGroup))
    tryRemove(own)
    return false
  }
}

/** This process, what started it, and what it has started. */
function isRelated(pid: number): boolean {
  return isAncestor(pid, process.pid) || isAncestor(process.pid, pid)
}

function isAncestor(above: number, below: number): boolean {
  for (let pid = below; pid > 0; pid = readParent(pid)) if (pid === above) return true
  return false
}

function tryMove(pid: number, folder: string): void {
  try {
    writeFileSync(join(folder, 'cgroup.procs'), String(pid))
  } catch {
    // gone meanwhile, or not ours to move
  }
}

/** In one step, also while it forks; kernels before 5.14 kill one by one. */
function killGroup(folder: string): void {
  try {
    writeFileSync(join(folder, 'cgroup.kill'), '1', { flag: 'r+' })
  } catch {
    killMembers(folder)
  }
}
