import { expect, test } from '@jest/globals'
import { Ajv } from 'ajv'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { makeSbom, productionPackages } from '../../scripts/sbom/make-sbom.ts'

const root = join(import.meta.dirname, '../..')
const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'))

interface Locked {
  version?: string
  resolved?: string
  integrity?: string
  link?: boolean
  dev?: boolean
  optional?: boolean
  deprecated?: string
  hasInstallScript?: boolean
  name?: string
}
const lock = readJson(join(root, 'package-lock.json')) as {
  lockfileVersion: number
  packages: Record<string, Locked>
}
const own = readJson(join(root, 'package.json')) as Record<string, Record<string, unknown>>
const locked = Object.entries(lock.packages).filter(([path]) => path !== '')
const nameOf = (path: string, { name }: Locked): string => name ?? path.split('node_modules/').at(-1) ?? ''

/** Raised on purpose only: each more is code of somebody else that sees payloads and passwords. */
const budget = { direct: 35, production: 350 }

/** What may be passed on with the product, by SPDX id. */
const licences = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
  'PSF-2.0',
  'Unlicense',
])

test('every package is locked to one content, from a registry', () => {
  expect(lock.lockfileVersion).toBe(3)
  const loose = locked.filter(
    ([, one]) =>
      !one.integrity?.startsWith('sha512-') ||
      one.link === true ||
      (one.resolved !== undefined && !/^https:\/\/.*\.tgz$/.test(one.resolved)),
  )
  expect(loose).toEqual([])
})

test('what package.json asks for is one version each', () => {
  const asked = ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((kind) =>
    Object.entries(own[kind] ?? {}),
  )
  expect(asked.filter(([, version]) => !/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(String(version)))).toEqual(
    [],
  )
})

test('no script of a package runs at its installation, and each that would is named', () => {
  const withScripts = new Set(
    locked.filter(([, one]) => one.hasInstallScript).map(([path, one]) => nameOf(path, one)),
  )
  const named = own['allowScripts'] ?? {}
  expect(Object.keys(named).sort()).toEqual([...withScripts].sort())
  expect(new Set(Object.values(named))).toEqual(new Set([false]))
  const installs = ['scripts/setup', 'Dockerfile'].flatMap(
    (file) => readFileSync(join(root, file), 'utf8').match(/npm ci .*/g) ?? [],
  )
  expect(installs.length).toBeGreaterThan(1)
  expect(installs.filter((command) => !command.includes('--ignore-scripts'))).toEqual([])
})

test('packages are as few as they were, and none is deprecated', () => {
  const production = locked.filter(([, one]) => !one.dev)
  expect(Object.keys(own['dependencies'] ?? {}).length).toBeLessThanOrEqual(budget.direct)
  expect(production.length).toBeLessThanOrEqual(budget.production)
  expect(production.filter(([, one]) => one.deprecated !== undefined).map(([path]) => path)).toEqual([])
})

test('the bill of materials is CycloneDX, has all of production and nothing else, each with a licence that may be passed on', () => {
  const sbom = makeSbom(root)
  const parts = sbom.components.map(({ 'bom-ref': ref }) => ref)
  expect([...parts].sort()).toEqual([...new Set(productionPackages(lock))].sort())
  expect(parts).toEqual(
    expect.arrayContaining([expect.stringMatching(/^ajv@/), expect.stringMatching(/^bullmq@/)]),
  )
  expect(parts.join(' ')).not.toContain('jest')
  const found = sbom.components.flatMap((part) =>
    (part.licenses ?? [{}]).map(
      ({ license, expression }) => expression ?? license?.id ?? license?.name ?? `none of ${part['bom-ref']}`,
    ),
  )
  expect(found.filter((licence) => !licences.has(licence))).toEqual([])

  const schemas = join(
    dirname(createRequire(import.meta.url).resolve('@cyclonedx/cyclonedx-library/package.json')),
    'res/schema',
  )
  const schema = (name: string) =>
    readJson(join(schemas, `${name}.SNAPSHOT.schema.json`)) as Record<string, unknown>
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true })
  for (const name of ['spdx', 'jsf-0.82'])
    ajv.addSchema(schema(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`)
  const isValid = ajv.compile(schema(`bom-${sbom.specVersion}`))
  expect([isValid(sbom), isValid.errors]).toEqual([true, null])
  expect(isValid({ ...sbom, bomFormat: 'Noodles' })).toBe(false)
})
