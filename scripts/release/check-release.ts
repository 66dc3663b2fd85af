import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { git } from './git.ts'
import { unreleasedNotes } from './release-changelog.ts'
import { compareVersions, isVersion } from './versions.ts'

/** What speaks against releasing this checkout as that version, a sentence each; all at once, so that they can be mended together. */
export function problemsOfRelease(root: string, version: string, branch: string): string[] {
  if (!isVersion(version)) return [`${version} is no version; write it as 1.2.3 or 1.2.3-rc.1.`]
  const problems: string[] = []
  const onBranch = git(root, 'branch', '--show-current')
  if (onBranch !== branch)
    problems.push(
      `This is ${onBranch === '' ? 'no branch' : `the branch ${onBranch}`}, and releases are made on ${branch}; --branch names another.`,
    )
  const changes = git(root, 'status', '--porcelain')
  if (changes !== '') problems.push(`There are changes that are not committed:\n${changes}`)
  const released = git(root, 'tag', '--list', 'v*')
    .split('\n')
    .map((tag) => tag.slice(1))
    .filter(isVersion)
    .sort(compareVersions)
  const newest = released.at(-1)
  if (newest !== undefined && compareVersions(version, newest) <= 0)
    problems.push(`${version} is not above ${newest}, which is released.`)
  const { version: present } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    version: string
  }
  if (compareVersions(version, present) < 0) problems.push(`${version} is below ${present} of package.json.`)
  const notes = unreleasedNotes(readFileSync(join(root, 'CHANGELOG.md'), 'utf8'))
  if (notes === null) problems.push('CHANGELOG.md has no heading [Unreleased].')
  else if (notes === '') problems.push('CHANGELOG.md tells nothing under [Unreleased].')
  return problems
}
