import { createHash } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { canUse, type ServiceUser } from './service-user.ts'

/** Where the data of a server lies that root runs for a folder that the server's user can't reach. */
const sharedHome = '/var/lib/noodle'

export interface ServerFolder {
  /** Configuration and passwords of the server; the server's user may pass, only we may write. */
  base: string
  /** The server's working directory, its own. */
  data: string
}

/**
 * Makes the folders of a server, or finds them again. They lie in `dir`, unless that is closed to the server's user (as a checkout under /root is): then in
 * /var/lib/noodle, and `dir` remembers where, in the file `location`.
 */
export function openServerFolder(dir: string, user: ServiceUser | undefined): ServerFolder {
  const base = user && !canUse(user, dirname(resolve(dir))) ? openElsewhere(resolve(dir)) : dir
  const data = join(base, 'data')
  chmodSync(base, user ? 0o711 : 0o700)
  makeFor(data, user)
  return { base, data }
}

/** A private folder of the server's user. */
export function makeFor(folder: string, user: ServiceUser | undefined): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (user) chownSync(folder, user.uid, user.gid)
}

/** A file that only the server's user reads, made anew. */
export function writeFor(file: string, content: string, user: ServiceUser | undefined): void {
  rmSync(file, { force: true })
  writeFileSync(file, content, { mode: 0o600, flag: 'wx' })
  if (user) chownSync(file, user.uid, user.gid)
}

function openElsewhere(dir: string): string {
  const pointer = join(dir, 'location')
  if (existsSync(pointer)) {
    const location = readFileSync(pointer, 'utf8').trim()
    if (!existsSync(location))
      throw new Error(
        `The data of ${dir} should be in ${location}, but that is gone. To begin anew, remove ${pointer}.`,
      )
    return location
  }
  mkdirSync(sharedHome, { recursive: true, mode: 0o755 })
  const name = createHash('sha256').update(dir).digest('hex').slice(0, 12)
  const location = mkdtempSync(join(sharedHome, `${basename(dir)}-${name}-`))
  writeFileSync(pointer, `${location}\n`)
  return location
}
