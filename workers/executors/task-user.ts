import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { findAllInPath } from './allowed-programs.ts'

/** Whom the programs of jobs run as, instead of the worker's own user. */
export interface TaskUser {
  uid: number
  gid: number
  /** True when the system knows it, and so in which groups it is. */
  isKnown: boolean
}

/** What a worker needs to run programs as somebody else, to give them their folders, and to find and end them; by their numbers in capabilities(7). */
const neededCapabilities = {
  CHOWN: 0,
  DAC_OVERRIDE: 1,
  FOWNER: 3,
  KILL: 5,
  SETGID: 6,
  SETUID: 7,
  SYS_PTRACE: 19,
}

const commandDeadlineMs = 2000

/** `name`: of a user, or its number. @throws Error saying what is in the way */
export function findTaskUser(name: string, path: string): TaskUser {
  if (process.getuid?.() !== 0)
    throw new Error('only a worker that runs as root can run programs as another user')
  const missing = missingCapabilities()
  if (missing.length > 0) throw new Error(`the worker has not the capabilities ${missing.join(', ')}`)
  const user = lookUp(name)
  if (user.uid === 0) throw new Error('it is root, which is the user of the worker itself')
  const prefix = findSetpriv(path, user)
  if (prefix.length === 0) throw new Error('it takes setpriv of util-linux, which is not there')
  return user
}

/**
 * The words before a command that give it to its user, keep it from ever gaining rights (set-user-id programs such as sudo give none), and make the kernel
 * kill it when this process dies; none where setpriv can't.
 */
export function findSetpriv(path: string, user: TaskUser | null): string[] {
  const [setpriv] = process.platform === 'linux' ? findAllInPath('setpriv', path) : []
  if (!setpriv) return []
  const id = user && [
    ...['--reuid', String(user.uid), '--regid', String(user.gid)],
    user.isKnown ? '--init-groups' : '--clear-groups',
  ]
  // Twice, for with its user a process loses the signal that it asked for.
  const words = [
    setpriv,
    ...(id ? [...id, '--', setpriv] : []),
    '--no-new-privs',
    '--pdeathsig',
    'KILL',
    '--',
  ]
  const [file = '', ...args] = words
  try {
    execFileSync(file, [...args, setpriv, '--version'], { stdio: 'ignore', timeout: commandDeadlineMs })
    return words
  } catch {
    return []
  }
}

function lookUp(name: string): TaskUser {
  const ask = (flag: string): number =>
    Number(
      execFileSync('id', [flag, '--', name], {
        ...{ encoding: 'utf8', timeout: commandDeadlineMs, stdio: ['ignore', 'pipe', 'ignore'] },
      }),
    )
  try {
    return { uid: ask('-u'), gid: ask('-g'), isKnown: true }
  } catch {
    if (/^\d+$/.test(name)) return { uid: Number(name), gid: Number(name), isKnown: false }
    throw new Error('there is no such user')
  }
}

function missingCapabilities(): string[] {
  const mask = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  const has = BigInt(`0x${mask}`)
  return Object.entries(neededCapabilities)
    .filter(([, bit]) => (has & (1n << BigInt(bit))) === 0n)
    .map(([capability]) => capability)
}
