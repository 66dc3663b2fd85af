import type { IContainer } from 'kubernetes-models/v1/Container'
import type { IPodSpec } from 'kubernetes-models/v1/PodSpec'
import { type Manifest, workloads } from './kustomize.ts'

/** What a Deployment or a Job makes, with the options that it sees. */
export interface Workload {
  name: string
  kind: string
  replicas: number
  /** Of the workload's own selector; a Job has none that is written. */
  selector: Record<string, string> | null
  labels: Record<string, string>
  pod: IPodSpec
  container: IContainer
  /** Values that are written, from ConfigMaps too. */
  env: Record<string, string>
}

/** @throws Error for what the manifests never have: several containers, or a ConfigMap that is not there */
export function workloadsOf(manifests: readonly Manifest[]): Workload[] {
  return workloads(manifests).map((workload) => {
    const name = workload.metadata?.name ?? ''
    const pod = workload.spec?.template.spec
    const [container, ...others] = pod?.containers ?? []
    if (!pod || !container || others.length > 0) throw new Error(`${name} has not one container.`)
    return {
      name,
      kind: workload.kind,
      replicas: (workload.kind === 'Deployment' && workload.spec?.replicas) || 1,
      selector: (workload.kind === 'Deployment' && workload.spec?.selector.matchLabels) || null,
      labels: workload.spec?.template.metadata?.labels ?? {},
      pod,
      container,
      env: { ...configOf(container, manifests), ...ownEnv(container) },
    }
  })
}

function configOf({ envFrom = [] }: IContainer, manifests: readonly Manifest[]): Record<string, string> {
  const maps = envFrom.map(({ configMapRef }) => {
    const map = manifests.find(
      ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === configMapRef?.name,
    )
    if (!map) throw new Error(`There is no ConfigMap ${configMapRef?.name ?? '(other than a ConfigMap)'}.`)
    return map['data'] as Record<string, string>
  })
  return Object.assign({}, ...maps) as Record<string, string>
}

const ownEnv = ({ env = [] }: IContainer): Record<string, string> =>
  Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])))

/** Those of Noodle, and not of a store beside it. */
export const isNoodle = ({ labels }: Workload): boolean => labels['app.kubernetes.io/name'] === 'noodle'

const units: Record<string, number> = { Mi: 2 ** 20, Gi: 2 ** 30, m: 0.001, '': 1 }

/** A quantity of the API as a number: bytes, or cores. @throws Error for a unit that the manifests never have */
export function quantity(text: string | number | undefined): number {
  const [, number, unit = ''] = /^([0-9.]+)([A-Za-z]*)$/.exec(String(text)) ?? []
  const factor = units[unit]
  if (number === undefined || factor === undefined) throw new Error(`${String(text)} is no quantity.`)
  return Number(number) * factor
}
