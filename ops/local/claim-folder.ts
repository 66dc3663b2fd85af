import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isAlive, markOf, type ProcessMark } from './processes.ts'

/** Another live process has the folder. */
export class FolderInUse extends Error {
  readonly folder: string
  readonly pid: number

  constructor(folder: string, pid: number) {
    super(
      `${folder} is in use by another instance (process ${String(pid)}). Stop that one first, or set NOODLE_HOME to another folder.`,
    )
    this.name = 'FolderInUse'
    this.folder = folder
    this.pid = pid
  }
}

/**
 * Makes this process the only one that works in a folder, until it ends or lets go. What a killed process left does not count.
 * @returns lets go of the folder; twice is harmless
 * @throws FolderInUse
 */
export function claimFolder(folder: string): () => void {
  const file = join(folder, 'owner.json')
  const mine = `${file}.${String(process.pid)}`
  const mark = markOf(process.pid)
  if (!mark) throw new Error('This process has no start time in the process table.')
  writeFileSync(mine, JSON.stringify(mark), { mode: 0o600 })
  try {
    for (;;) {
      try {
        linkSync(mine, file) // complete at once, and only if there is none
        break
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      const owner = readOwner(file)
      if (owner && isAlive(owner)) throw new FolderInUse(folder, owner.pid)
      removeLeftOver(file, `${mine}.old`)
    }
  } finally {
    rmSync(mine, { force: true })
  }
  let held = true
  return () => {
    if (held) rmSync(file, { force: true })
    held = false
  }
}

/** Who works in a folder now, if anyone does. */
export function ownerOf(folder: string): ProcessMark | undefined {
  const owner = readOwner(join(folder, 'owner.json'))
  return owner && isAlive(owner) ? owner : undefined
}

/** Moved away first and looked at again: between the look and the removal somebody else may have removed it and put their own there. */
function removeLeftOver(file: string, aside: string): void {
  try {
    renameSync(file, aside)
    const owner = readOwner(aside)
    if (owner && isAlive(owner)) linkSync(aside, file)
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

function readOwner(file: string): ProcessMark | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessMark
  } catch {
    return undefined
  }
}
