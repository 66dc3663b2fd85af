import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A place that tells the version of the code: the file, and what stands around the version there. */
interface VersionFact {
  file: string
  /** The version is its second group; the first and the third stay. */
  pattern: RegExp
}

/** Where the version stands besides package.json and its lock file. */
const facts: VersionFact[] = [
  { file: 'Dockerfile', pattern: /(^ARG VERSION=)(.+)($)/gm },
  {
    file: 'deploy/kubernetes/overlays/production/image/kustomization.yaml',
    pattern: /(^ *newTag: )(.+)($)/gm,
  },
]

/**
 * The files that tell the version, with a new one in them.
 * @throws Error that names a file which does not tell it in the one place where it should
 */
export function withVersion(root: string, version: string): Map<string, string> {
  const read = (file: string): string => {
    if (!existsSync(join(root, file))) throw new Error(`There is no ${file}.`)
    return readFileSync(join(root, file), 'utf8')
  }
  const changed = new Map<string, string>()
  for (const { file, pattern } of facts) {
    const text = read(file)
    if ([...text.matchAll(pattern)].length !== 1)
      throw new Error(`${file} should tell the version in one place, as ${String(pattern)}.`)
    changed.set(
      file,
      text.replace(pattern, (_, before: string, __, after: string) => before + version + after),
    )
  }
  const own = JSON.parse(read('package.json')) as object
  changed.set('package.json', toJson({ ...own, version }))
  const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, object> }
  const packages = { ...lock.packages, '': { ...lock.packages[''], version } }
  changed.set('package-lock.json', toJson({ ...lock, version, packages }))
  return changed
}

const toJson = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`
