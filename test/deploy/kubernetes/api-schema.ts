import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Manifest } from './kustomize.ts'

const checkout = join(import.meta.dirname, '../../..')

/** Where kubernetes-models keeps what it knows of a kind; its schemas and types are made from the API's own OpenAPI documents. */
const moduleOf = ({ apiVersion, kind }: Manifest): string => {
  const owner = Object.keys(others).find((group) => apiVersion.startsWith(group))
  return `${others[owner ?? ''] ?? 'kubernetes-models'}/${apiVersion}/${kind}`
}

/** The same of what operators add to the API. */
const others: Record<string, string> = {
  'monitoring.coreos.com/': '@kubernetes-models/prometheus-operator',
  'keda.sh/': '@kubernetes-models/keda',
}

/** What the API would refuse: fields that are missing or wrong, by its schemas. */
export async function schemaFaults(manifests: readonly Manifest[]): Promise<string[]> {
  const faults = await Promise.all(
    manifests.map(async (manifest) => {
      const { kind, metadata } = manifest
      const models = (await import(moduleOf(manifest))) as Record<
        string,
        new (data: object) => { validate(): void }
      >
      const Model = models[kind]
      if (!Model) return [`There is no ${kind} in ${manifest.apiVersion}.`]
      try {
        new Model(manifest).validate()
        return []
      } catch (error) {
        return [`${kind} ${metadata.name}: ${told(error, 'message')}`]
      }
    }),
  )
  return faults.flat()
}

/** What the API would drop or warn of: fields that it does not know. Its schemas let them pass, so the compiler looks at the manifests as literals of its types. */
export async function unknownFields(manifests: readonly Manifest[]): Promise<string> {
  mkdirSync(join(checkout, '.noodle'), { recursive: true })
  const folder = mkdtempSync(join(checkout, '.noodle/manifests-')) // below the packages, so that they are found
  try {
    const literals = manifests.map(
      (manifest, i) =>
        `import type { I${manifest.kind} as T${String(i)} } from '${moduleOf(manifest)}'\nexport const m${String(i)}: T${String(i)} = ${JSON.stringify(manifest, null, 1)}\n`,
    )
    writeFileSync(join(folder, 'manifests.ts'), literals.join(''))
    const compilerOptions = { noEmit: true, strict: true, skipLibCheck: true, module: 'nodenext', types: [] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['manifests.ts'] }))
    const compiler = join(checkout, 'node_modules/typescript/bin/tsc')
    await promisify(execFile)(process.execPath, [compiler, '--project', folder, '--pretty', 'false'])
    return ''
  } catch (error) {
    return told(error, 'stdout')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const told = (error: unknown, field: string): string =>
  typeof error === 'object' && error !== null && field in error
    ? String((error as Record<string, unknown>)[field])
    : String(error)
