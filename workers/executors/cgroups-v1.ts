import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
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
import { workerFolderPrefix } from './worker-folder.ts'

const controllers = ['memory', 'pids', 'cpu'] as const
const periodUs = 100_000

/** The control groups of version 1 in which this process is, each with one controller; null where they are missing or not ours to write to. */
export function openCgroupsV1(mark: string, root = '/sys/fs/cgroup'): Cgroups | null {
  // In a container the path is its host's, and its own group is the root that it sees.
  const bases = controllers.map((controller) => {
    const base = join(root, controller, ownPath(controller) ?? '')
    return existsSync(base) ? base : join(root, controller)
  })
  const own = bases.map((base) => join(base, `${workerFolderPrefix}${mark}`))
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
    version: 1,
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
        oomKills: () =>
          Number(/oom_kill (\d+)/.exec(readGroupFile(join(ofMemory, 'memory.oom_control')))?.[1] ?? 0),
        members: () => membersOf(ofPids),
        end: () => removeWhenEmpty(folders, () => killMembers(ofPids)),
      }
    },
    removeAll(isDead) {
      for (const base of bases)
        for (const name of listGroups(base)) {
          if (!name.startsWith(workerFolderPrefix)) continue
          const whose = name.slice(workerFolderPrefix.length)
          if (!(isDead ? isDead(whose) : whose === mark)) continue
          for (const run of listGroups(join(base, name))) tryRemove(join(base, name, run))
          tryRemove(join(base, name))
        }
    },
  }
}
