/*
 * Makes a release of this checkout: `npm run release -- 1.2.3`. It refuses what is not fit for one and says why; then it moves the changelog's [Unreleased] under the
 * version, writes the version wherever it stands, commits, tags v1.2.3, and writes the bill of materials. Nothing is pushed. docs/releasing.md tells more.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { problemsOfRelease } from './release/check-release.ts'
import { git } from './release/git.ts'
import { releaseChangelog, unreleasedNotes } from './release/release-changelog.ts'
import { withVersion } from './release/version-facts.ts'
import { makeSbom } from './sbom/make-sbom.ts'

const usage = `npm run release -- VERSION [--dry-run] [--skip-checks] [--branch NAME]
  --dry-run      say what would be done, and do nothing
  --skip-checks  do not run npm run check and npm test, as where they have just run
  --branch NAME  the branch that releases are made on; default main`

const { version, isDry, skipsChecks, branch } = readArguments()
const root = git(process.cwd(), 'rev-parse', '--show-toplevel')

const problems = problemsOfRelease(root, version, branch)
if (problems.length > 0) fail(problems)
if (!isDry && !skipsChecks) for (const script of ['check', 'test']) runScript(script)

const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8')
const notes = unreleasedNotes(changelog) ?? ''
const files = attempt(() => withVersion(root, version))
files.set('CHANGELOG.md', releaseChangelog(changelog, version, new Date().toISOString().slice(0, 10)))
const parts = attempt(() => makeSbom(root)).components.length
const sbomFile = `release/noodle-${version}.cdx.json`

if (isDry) {
  console.log(`Would change ${[...files.keys()].sort().join(', ')}, commit, tag v${version}, and write ${sbomFile}
with ${String(parts)} packages. The notes:\n\n${notes}`)
} else {
  release()
  const revision = git(root, 'rev-parse', 'HEAD')
  console.log(`Released ${version}; ${sbomFile} has its bill of materials. What is left:
  git push --atomic origin ${branch} v${version}
  docker build --build-arg VERSION=${version} --build-arg REVISION=${revision} --tag noodle:${version} .`)
}

function release(): void {
  let sbom: string
  try {
    for (const [file, text] of files) writeFileSync(join(root, file), text)
    sbom = `${JSON.stringify(makeSbom(root), null, 2)}\n`
    git(root, 'add', '--', ...files.keys())
    git(root, 'commit', '--quiet', '--message', `Release ${version}`)
  } catch (error) {
    git(root, 'restore', '--staged', '--worktree', '--', ...files.keys())
    return fail([`Nothing was released: ${messageOf(error)}`])
  }
  try {
    git(
      root,
      'tag',
      '--annotate',
      '--cleanup=verbatim',
      `v${version}`,
      '--message',
      `Noodle ${version}\n\n${notes}`,
    )
  } catch (error) {
    git(root, 'reset', '--quiet', '--hard', 'HEAD^') // the tree was clean before
    return fail([`Nothing was released: ${messageOf(error)}`])
  }
  mkdirSync(join(root, 'release'), { recursive: true })
  writeFileSync(join(root, sbomFile), sbom)
}

function readArguments(): { version: string; isDry: boolean; skipsChecks: boolean; branch: string } {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        'dry-run': { type: 'boolean', default: false },
        'skip-checks': { type: 'boolean', default: false },
        branch: { type: 'string', default: 'main' },
      },
    })
    const [version, ...more] = positionals
    if (version === undefined || more.length > 0) throw new Error('One version is needed.')
    return {
      version,
      isDry: values['dry-run'],
      skipsChecks: values['skip-checks'],
      branch: values.branch,
    }
  } catch (error) {
    console.error(`${messageOf(error)}\n${usage}`)
    process.exit(2)
  }
}

function runScript(script: string): void {
  const { status } = spawnSync('npm', ['run', '--silent', script], { cwd: root, stdio: 'inherit' })
  if (status !== 0) fail([`npm run ${script} failed.`])
}

function attempt<T>(act: () => T): T {
  try {
    return act()
  } catch (error) {
    return fail([messageOf(error)])
  }
}

function fail(reasons: readonly string[]): never {
  console.error(
    `Not released:\n${reasons.map((reason) => `  - ${reason.replaceAll('\n', '\n    ')}`).join('\n')}`,
  )
  process.exit(1)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
