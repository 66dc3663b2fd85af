import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Its image is sparse: only what is written takes room on the machine's own disk. */
const diskBytes = 16 * 2 ** 30

/** A real file system of its own, which can be filled to the last byte without harm to the machine. */
export interface SmallDisk {
  folder: string
  /** Takes all but `spareBytes` of the room that is left. */
  fill(spareBytes: number): void
  /** Gives the room back. */
  clear(): void
  close(): void
}

/** An ext4 image, mounted by a loop device. @throws when that is not allowed here: it takes root, and loop devices */
export function openSmallDisk(parent: string): SmallDisk {
  const image = join(parent, 'disk.img')
  const folder = join(parent, 'disk')
  const ballast = join(folder, 'ballast')
  mkdirSync(folder)
  writeFileSync(image, '')
  truncateSync(image, diskBytes)
  let isMounted = false
  const close = (): void => {
    process.off('exit', close)
    if (isMounted) execFileSync('umount', ['--lazy', folder], { stdio: 'ignore' })
    isMounted = false
  }
  try {
    execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', '-E', 'lazy_itable_init=1', image], { stdio: 'ignore' })
    execFileSync('mount', ['-o', 'loop,discard', image, folder], { stdio: 'ignore' })
    isMounted = true
    process.once('exit', close)
    chmodSync(folder, 0o711) // the server's user must be able to pass
  } catch (error) {
    close()
    rmSync(image, { force: true })
    throw error
  }
  return {
    folder,
    fill(spareBytes) {
      const { bavail, bsize } = statfsSync(folder)
      const bytes = Math.max(bsize, bavail * bsize - spareBytes)
      // The last blocks go to the table of the file's own extents: what can't be had any more is full enough.
      try {
        execFileSync('fallocate', ['-l', String(bytes), ballast], { stdio: 'ignore' })
      } catch {
        execFileSync('fallocate', ['-l', String(bytes - 2 ** 20), ballast], { stdio: 'ignore' })
      }
    },
    clear: () => rmSync(ballast, { force: true }),
    close,
  }
}
