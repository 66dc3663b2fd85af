import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** The account that servers run under when we are root. */
export interface ServiceUser {
  name: string
  uid: number
  gid: number
}

/**
 * Postgres refuses to run as root, and Redis need not. Undefined when we are not root: then servers run as ourselves.
 * @throws Error when we are root and the system has no account to step down to
 */
export function findServiceUser(): ServiceUser | undefined {
  if (process.getuid?.() !== 0) return undefined
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  for (const wanted of ['postgres', 'nobody']) {
    const [name, , uid, gid] = accounts.find(([account]) => account === wanted) ?? []
    if (name && Number(uid) > 0 && Number(gid) > 0) return { name, uid: Number(uid), gid: Number(gid) }
  }
  throw new Error(
    'Postgres does not run as root, and there is no user postgres or nobody to run it as. Start as an ordinary user.',
  )
}

/** True when that user can go into the folder or run the program. Asked of the system: modes of all folders above count, and access lists. */
export function canUse(user: ServiceUser, path: string): boolean {
  return (
    spawnSync('/bin/sh', ['-c', 'test -x "$1"', 'sh', path], {
      uid: user.uid,
      gid: user.gid,
      cwd: '/',
      stdio: 'ignore',
    }).status === 0
  )
}
