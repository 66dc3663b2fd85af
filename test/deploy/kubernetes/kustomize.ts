import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { test } from '@jest/globals'
import type { IDeployment } from 'kubernetes-models/apps/v1/Deployment'
import type { IJob } from 'kubernetes-models/batch/v1/Job'
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import { parseAllDocuments } from 'yaml'

export const folder = join(import.meta.dirname, '../../../deploy/kubernetes')

const build = findKustomize()

export const isKustomizeThere = build !== null

/** `test` for what renders the manifests; skipped, and said to be, where there is neither program. */
export const kustomizeTest = build === null ? test.skip : test
if (build === null)
  test.skip('the manifests (skipped: they need kubectl 1.27 or newer, or kustomize 5)', () => undefined)

/** An object of the cluster; what is in it is for `expect` to say. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Manifest = Record<string, any> & {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string; labels?: Record<string, string> }
}

/** What a folder below deploy/kubernetes gives, such as overlays/production, by the real kustomize. Not to be changed: it is rendered once. */
export const render = once((overlay) => parse(kustomize(join(folder, overlay))))

/** The same for an overlay that would be base, an image and these components, separated by spaces. */
export const renderWith = once((components) => {
  const overlay = mkdtempSync(join(tmpdir(), 'noodle-overlay-'))
  try {
    const at = (path: string) => relative(overlay, join(folder, path))
    const kustomization = {
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      namespace: 'noodle',
      resources: [at('base')],
      components: [
        at('overlays/production/image'),
        ...(components.match(/\S+/g) ?? []).map((component) => at(`components/${component}`)),
      ],
    }
    writeFileSync(join(overlay, 'kustomization.yaml'), JSON.stringify(kustomization))
    return parse(kustomize(overlay))
  } finally {
    rmSync(overlay, { recursive: true, force: true })
  }
})

/** Those of a kind. */
export const ofKind = (manifests: readonly Manifest[], ...kinds: string[]): Manifest[] =>
  manifests.filter(({ kind }) => kinds.includes(kind))

/** What makes pods. */
export const workloads = (manifests: readonly Manifest[]) =>
  ofKind(manifests, 'Deployment', 'Job') as unknown as (IDeployment | IJob)[]

export const networkPolicies = (manifests: readonly Manifest[]) =>
  ofKind(manifests, 'NetworkPolicy') as unknown as INetworkPolicy[]

const parse = (text: string): Manifest[] =>
  parseAllDocuments(text).map((document) => document.toJS() as Manifest)

function kustomize(path: string): string {
  if (build === null) throw new Error('There is no kustomize.')
  const [program, ...words] = build
  return execFileSync(program, [...words, path], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

function once<T>(make: (key: string) => T): (key: string) => T {
  const made = new Map<string, T>()
  return (key) => {
    const known = made.get(key)
    if (known) return known
    const value = make(key)
    made.set(key, value)
    return value
  }
}

/** kubectl has a kustomize within; components and matchLabelKeys need one of version 5. */
function findKustomize(): [program: string, ...words: string[]] | null {
  const answer = (program: string, ...words: string[]): string => {
    try {
      return execFileSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    } catch {
      return ''
    }
  }
  if (/v?[5-9]\.\d+\.\d+/.test(answer('kustomize', 'version'))) return ['kustomize', 'build']
  const kubectl = answer('kubectl', 'version', '--client', '--output', 'json')
  return /"kustomizeVersion":\s*"v[5-9]\./.test(kubectl) ? ['kubectl', 'kustomize'] : null
}
