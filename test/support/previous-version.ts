import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from '@jest/globals'
import { cleanUp } from './clean-up.ts'

const root = join(import.meta.dirname, '../..')

/** A version of the code that is before today's schema, as a commit; or why there is none to be had here. */
type Previous = { commit: string } | { missing: string }

/** A test with the code of the version before in a folder, with today's packages. Skipped, and said why, where it can't be had. */
export function previousVersionTest(name: string, run: (checkout: string) => Promise<void>): void {
  const previous = findPrevious()
  if ('missing' in previous) test.skip(`${name} (skipped: ${previous.missing})`, () => undefined)
  else test(name, () => run(checkOut(previous.commit)))
}

/** The last release; before there was one, the commit before the newest migration. */
function findPrevious(): Previous {
  if (git('rev-parse', '--git-dir') === null) return { missing: 'this is no git checkout' }
  const isChanged = git('status', '--porcelain', 'migrations') !== ''
  const release = git('describe', '--tags', '--abbrev=0', '--match', 'v[0-9]*', isChanged ? 'HEAD' : 'HEAD^')
  const migrated = git('log', '-1', '--format=%H', '--diff-filter=A', '--', 'migrations')
  const commit = release ?? (isChanged ? 'HEAD' : `${migrated ?? ''}^`)
  if (git('rev-parse', '--verify', '--quiet', `${commit}^{commit}`) === null)
    return { missing: 'this clone does not reach back to before the newest migration' }
  const lacking = packagesOf(commit).filter((name) => !existsSync(join(root, 'node_modules', name)))
  if (lacking.length > 0)
    return { missing: `${commit} needs packages that are not here any more: ${lacking.join(', ')}` }
  return { commit }
}

function packagesOf(commit: string): string[] {
  const { dependencies } = JSON.parse(git('show', `${commit}:package.json`) ?? '{}') as {
    dependencies?: Record<string, string>
  }
  return Object.keys(dependencies ?? {})
}

function checkOut(commit: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'noodle-before-'))
  cleanUp(() => rmSync(folder, { recursive: true }))
  const checkout = join(folder, 'code')
  mkdirSync(checkout)
  execFileSync('tar', ['-x', '-C', checkout], {
    input: execFileSync('git', ['archive', commit], { cwd: root, maxBuffer: 1_073_741_824 }),
  })
  symlinkSync(join(root, 'node_modules'), join(checkout, 'node_modules'))
  return checkout
}

/** What git says, without its last line end; null when it fails. */
function git(...args: string[]): string | null {
  const { status, stdout } = spawnSync('git', args, { cwd: root, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : null
}
