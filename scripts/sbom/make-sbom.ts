import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A CycloneDX document, as far as it is looked into here. */
export interface Sbom {
  specVersion: string
  metadata: { component: { name: string; version: string } }
  components: Component[]
  dependencies: { ref: string; dependsOn?: string[] }[]
}

interface Component {
  'bom-ref': string
  /** Its scope is part of it: `@scope/name`. */
  name: string
  version: string
  licenses?: { license?: { id?: string; name?: string }; expression?: string }[]
}

interface Lock {
  packages: Record<string, Locked>
}

interface Locked {
  /** Where it is installed under another name. */
  name?: string
  version?: string
  /** True when only development needs it. */
  dev?: boolean
}

/**
 * The bill of materials of what is installed in production (CycloneDX, as npm writes it from the lock file), with a licence for each part.
 * @throws Error when the lock file does not fit, or a part tells no licence
 */
export function makeSbom(root: string): Sbom {
  // Its own `--omit dev` leaves out what production shares with development (npm 11.19).
  const text = execFileSync(
    'npm',
    ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--package-lock-only'],
    { cwd: root, encoding: 'utf8', maxBuffer: 268_435_456 },
  )
  const sbom = JSON.parse(text) as Sbom
  const { name, version } = readJson(join(root, 'package.json')) as { name: string; version: string }
  sbom.metadata.component.name = name // npm takes the folder's
  const lock = readJson(join(root, 'package-lock.json')) as Lock
  const refs = new Set([`${name}@${version}`, ...productionPackages(lock)])
  sbom.components = sbom.components.filter((component) => refs.has(component['bom-ref']))
  sbom.dependencies = sbom.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((one) => refs.has(one)) }))
  for (const component of sbom.components) {
    if (component.licenses?.length) continue
    // Packages of old tell theirs in a way that lock files do not have.
    const names = licencesOf(root, lock, component)
    if (names.length === 0) throw new Error(`${component['bom-ref']} tells no licence.`)
    component.licenses = names.map((id) => ({ license: { id } }))
  }
  return sbom
}

/** What is installed in production, each as `name@version`. */
export const productionPackages = ({ packages }: Lock): string[] =>
  Object.entries(packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true)
    .map(
      ([path, { name, version }]) => `${name ?? path.split('node_modules/').at(-1) ?? ''}@${version ?? ''}`,
    )

/** As package.json had it once: `licenses: [{type}]`. */
function licencesOf(root: string, { packages }: Lock, { name, version }: Component): string[] {
  const place = Object.entries(packages).find(
    ([path, one]) => path.endsWith(`node_modules/${name}`) && one.version === version,
  )?.[0]
  const file = join(root, place ?? '', 'package.json')
  if (place === undefined || !existsSync(file)) return []
  const { licenses = [] } = readJson(file) as { licenses?: (string | { type: string })[] }
  return licenses.map((licence) => (typeof licence === 'string' ? licence : licence.type))
}

const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'))
