import { isUtf8 } from 'node:buffer'
import { constants, type Dirent } from 'node:fs'
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { artifactNameProblem } from '../../queue/domain/blob.ts'

/*
 * Reads a folder that belongs to somebody who would like us to read something else. Every part of a path is opened by itself, never as a link, and what is
 * below it is reached through the open folder: so nothing that is exchanged meanwhile leads out of it. Linux has no such call in Node; its /proc/self/fd
 * does the same. Elsewhere each part is looked at when it is opened, which leaves a moment.
 */

/** Something in the folder: a file that may be read, or what is wrong with it. */
export type Found = { name: string; problem: null } | { name: string; problem: string }

const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
/** Not blocking: a fifo would keep us waiting for whoever writes to it. */
const fileFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

const isLinux = process.platform === 'linux'

/** An open folder, and the path by which to reach what is in it. */
interface Opened {
  handle: FileHandle
  path: string
}

async function openFolder(path: string): Promise<Opened> {
  const handle = await open(path, folderFlags)
  return { handle, path: isLinux ? `/proc/self/fd/${String(handle.fd)}` : path }
}

/** Lists a folder and those in it, in the order of names; no more than `most` entries, folders among them, are looked at. */
export async function* listBeneath(folder: string, most: number): AsyncGenerator<Found, void, undefined> {
  let left = most
  async function* walk(path: string, prefix: string): AsyncGenerator<Found, void, undefined> {
    const opened = await openFolder(path)
    try {
      const entries = await readdir(opened.path, { withFileTypes: true, encoding: 'buffer' })
      for (const entry of entries.sort((a, b) => a.name.compare(b.name))) {
        if (left-- <= 0) return
        if (!isUtf8(entry.name)) {
          yield { name: prefix + entry.name.toString('latin1'), problem: 'its name is not UTF-8' }
          continue
        }
        const name = prefix + entry.name.toString()
        const problem = artifactNameProblem(name)
        if (problem !== null) yield { name, problem: `its name ${problem}` }
        else if (entry.isDirectory()) yield* walk(join(opened.path, entry.name.toString()), `${name}/`)
        else yield { name, problem: entry.isFile() ? null : `it is ${kindOf(entry)}` }
      }
    } finally {
      await opened.handle.close()
    }
  }
  yield* walk(folder, '')
}

/** Opens a file of a folder by its relative name. @throws the system's error: ELOOP for a link in place of the file, ENOTDIR for one in place of a folder */
export async function openBeneath(folder: string, name: string): Promise<FileHandle> {
  const parts = name.split('/')
  const last = parts.pop() ?? ''
  let at = await openFolder(folder)
  try {
    for (const part of parts) {
      const next = await openFolder(join(at.path, part))
      await at.handle.close()
      at = next
    }
    return await open(join(at.path, last), fileFlags)
  } finally {
    await at.handle.close()
  }
}

function kindOf(entry: Dirent<Buffer>): string {
  if (entry.isSymbolicLink()) return 'a symbolic link'
  if (entry.isFIFO()) return 'a fifo'
  if (entry.isSocket()) return 'a socket'
  return 'a device'
}
