import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { chown, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { TaskUser } from './task-user.ts'
import { workerFolderPrefix } from './worker-folder.ts'

/** Folders for runs, in a folder of this worker that only its user may look into. */
export interface ScratchFolders {
  /** A new empty folder, to be removed after the run. */
  create(jobId: string): Promise<string>
  /** Another one beside it, also to be removed. */
  createBeside(folder: string, name: string): Promise<string>
  /** At the end of the process. */
  removeAll(): void
}

/** `owner`: of the folders; by default who this process is. */
export function makeScratchFolders(mark: string, owner: TaskUser | null = null): ScratchFolders {
  const roots: string[] = []

  function makeRoot(): string {
    const root = mkdtempSync(join(tmpdir(), `${workerFolderPrefix}${mark}-`))
    if (owner) chmodSync(root, 0o711) // who knows the name of a folder comes to it, and nobody else is told any
    roots.push(root)
    return root
  }

  async function makeFolder(jobId: string): Promise<string> {
    try {
      return await mkdtemp(join(roots.at(-1) ?? makeRoot(), `${jobId}-`))
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
      return mkdtemp(join(makeRoot(), `${jobId}-`)) // systems clear their temporary folders of what was not touched for days
    }
  }

  return {
    async create(jobId) {
      const folder = await makeFolder(jobId)
      if (owner) await chown(folder, owner.uid, owner.gid)
      return folder
    },
    async createBeside(folder, name) {
      const beside = `${folder}-${name}`
      await mkdir(beside, { mode: 0o700 })
      if (owner) await chown(beside, owner.uid, owner.gid)
      return beside
    },
    removeAll() {
      for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true })
    },
  }
}

/** After the run. Never rejects: what can't be removed is left for the end of the worker. */
export async function removeScratch(scratch: string): Promise<void> {
  try {
    // What the group wrote a moment ago may appear while the folder is being emptied: a few tries.
    await rm(scratch, { recursive: true, force: true, maxRetries: 3, retryDelay: 20 })
  } catch {
    // Folders that were closed to their owner, or lie deeper than a path can say.
    const run = promisify(execFile)
    await run('chmod', ['-R', 'u+rwX', '--', scratch]).catch(() => undefined)
    await run('rm', ['-rf', '--', scratch]).catch(() => undefined)
  }
}
