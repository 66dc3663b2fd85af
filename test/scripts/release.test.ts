import { expect, test } from '@jest/globals'
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { compareVersions } from '../../scripts/release/versions.ts'
import { cleanUp } from '../support/clean-up.ts'

const root = join(import.meta.dirname, '../..')

/** All that a release reads or writes. */
const files = [
  ...['package.json', 'package-lock.json', '.npmrc', '.gitignore', 'CHANGELOG.md', 'Dockerfile'],
  'deploy/kubernetes/overlays/production/image/kustomization.yaml',
]

/** A repository with this version of these files, and this checkout's packages. */
function aRepository() {
  const folder = mkdtempSync(join(tmpdir(), 'noodle-release-'))
  cleanUp(() => rmSync(folder, { recursive: true }))
  for (const file of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    cpSync(join(root, file), join(folder, file))
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const git = (...args: string[]) => execFileSync('git', args, { cwd: folder, encoding: 'utf8' }).trim()
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text)
  const read = (file: string) => readFileSync(join(folder, file), 'utf8')
  write('CHANGELOG.md', '# Changelog\n\n## [Unreleased]\n\n- Something new.\n# not a comment\n')
  git('init', '--quiet', '--initial-branch', 'main')
  git('config', 'user.name', 'Ada')
  git('config', 'user.email', 'ada@example.com')
  write('.git/info/exclude', 'node_modules\n')
  git('add', '.')
  git('commit', '--quiet', '--message', 'Begin')
  const release = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(root, 'scripts/release.ts'), ...args, '--skip-checks'],
      { cwd: folder, encoding: 'utf8' },
    )
    return { status, stdout, stderr }
  }
  return { git, write, read, release }
}

test('a release is a commit with the version everywhere, a tag with its notes, and a bill of materials', () => {
  const { git, read, release, write } = aRepository()
  const before = git('rev-parse', 'HEAD')
  expect(release('9.8.7', '--dry-run')).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/CHANGELOG.md, Dockerfile, .*tag v9\.8\.7[^]*- Something new\./),
  })
  expect([git('rev-parse', 'HEAD'), git('status', '--porcelain'), git('tag')]).toEqual([before, '', ''])

  expect(release('9.8.7')).toMatchObject({ status: 0, stderr: '' })
  expect(git('log', '--format=%s')).toBe('Release 9.8.7\nBegin')
  expect(git('status', '--porcelain')).toBe('')
  expect(git('for-each-ref', '--format=%(contents)', 'refs/tags/v9.8.7')).toBe(
    'Noodle 9.8.7\n\n- Something new.\n# not a comment',
  )
  expect(git('rev-parse', 'v9.8.7^{commit}')).toBe(git('rev-parse', 'HEAD'))
  expect(read('CHANGELOG.md')).toMatch(
    /^# Changelog\n\n## \[Unreleased\]\n\n## \[9\.8\.7\] - \d{4}-\d\d-\d\d\n\n- Something new\.\n/,
  )
  const lock = JSON.parse(read('package-lock.json')) as { version: string; packages: Record<string, unknown> }
  expect([lock.version, lock.packages['']]).toMatchObject(['9.8.7', { version: '9.8.7' }])
  expect(JSON.parse(read('package.json'))).toMatchObject({ version: '9.8.7' })
  expect(read('Dockerfile')).toContain('\nARG VERSION=9.8.7\n')
  expect(read(files.at(-1) ?? '')).toContain('newTag: 9.8.7')
  expect(JSON.parse(read('release/noodle-9.8.7.cdx.json'))).toMatchObject({
    bomFormat: 'CycloneDX',
    metadata: { component: { name: 'noodle', version: '9.8.7' } },
  })

  // It is not made twice, nor without anything to tell; all that speaks against one is told at once.
  git('switch', '--quiet', '--create', 'side')
  write('Dockerfile', 'FROM scratch\n')
  expect(release('9.8.7')).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(
      /the branch side[^]*not committed:\n +M Dockerfile[^]*9\.8\.7 is not above 9\.8\.7[^]*nothing under \[Unreleased\]/,
    ),
  })
})

test('a file that does not tell the version where it should keeps anything from being written', () => {
  const { git, write, release } = aRepository()
  write('Dockerfile', 'FROM scratch\n')
  git('commit', '--quiet', '--all', '--message', 'Forget the version')
  expect(release('9.8.7')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('Dockerfile should tell'),
  })
  expect([git('status', '--porcelain'), git('tag'), git('log', '-1', '--format=%s')]).toEqual([
    ...['', '', 'Forget the version'],
  ])
})

test('a commit that is refused, as by a hook, leaves nothing behind', () => {
  const { git, write, release } = aRepository()
  write('.git/hooks/pre-commit', '#!/bin/sh\necho no releases on Fridays >&2\nexit 1\n')
  execFileSync('chmod', ['+x', join(git('rev-parse', '--show-toplevel'), '.git/hooks/pre-commit')])
  expect(release('9.8.7')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('no releases on Fridays'),
  })
  expect([git('status', '--porcelain'), git('tag'), git('log', '-1', '--format=%s')]).toEqual([
    '',
    '',
    'Begin',
  ])
})

test('what is no version is wrong usage or told, and versions are ordered as semver says', () => {
  const { release } = aRepository()
  expect(release()).toMatchObject({ status: 2, stderr: expect.stringContaining('--dry-run') })
  expect(release('v1.2')).toMatchObject({ status: 1, stderr: expect.stringContaining('v1.2 is no version') })
  const ordered = [
    '0.9.9',
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-alpha.beta',
    '1.0.0-beta.2',
    '1.0.0-beta.11',
    '1.0.0',
    '1.0.10',
    '1.2.0',
  ]
  expect([...ordered].reverse().sort(compareVersions)).toEqual(ordered)
})
