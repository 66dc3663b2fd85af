import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import { type Endpoint, permits } from './network-policy.ts'
import { sources, targets } from './network-places.ts'

/** A verdict for each source (row) and target (column): true where a connection is permitted. */
export type Verdicts = Record<string, Record<string, boolean>>

/** Components that open something. */
export const componentsWithRules = ['s3', 'internet-egress', 'monitoring', 'autoscaler', 'keda', 'otlp']

const outsiders = new Set(['the internet', 'the ingress controller', 'another pod of its namespace'])
  .add('a pod that calls itself ingress controller')
  .add('Prometheus')
  .add('KEDA')
  .add('the kubelet')
const own = new Set(['a master', 'a worker'])

/**
 * What the two tables of docs/kubernetes.md promise where these components are in use. A cell says `yes`, nothing, or which components open it. What
 * others do among themselves is not Noodle's to forbid.
 */
export function promised(components: readonly string[]): Verdicts {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/kubernetes.md'), 'utf8')
  const into = readTable(page, 'from \\ to')
  const out = readTable(page, 'to \\ from')
  return table((source, target) => {
    const isOwn = own.has(target.at)
    if (!isOwn && outsiders.has(source)) return true
    const cell = isOwn ? into[source]?.[target.name] : out[target.name]?.[source]
    if (cell === undefined) throw new Error(`docs/kubernetes.md has no cell for ${source} to ${target.name}.`)
    return cell === 'yes' || cell.split(', ').some((component) => components.includes(component))
  })
}

/** What policies permit, by the evaluator. */
export const evaluated = (policies: readonly INetworkPolicy[], places: Map<string, Endpoint>): Verdicts =>
  table((source, { at, protocol, port }) =>
    permits(policies, { from: place(places, source), to: place(places, at), protocol, port }),
  )

export function place(places: Map<string, Endpoint>, name: string): Endpoint {
  const found = places.get(name)
  if (!found) throw new Error(`There is no ${name}.`)
  return found
}

export const table = (verdict: (source: string, target: (typeof targets)[number]) => boolean): Verdicts =>
  Object.fromEntries(
    sources.map((source) => [
      source,
      Object.fromEntries(targets.map((target) => [target.name, verdict(source, target)])),
    ]),
  )

/** A table of a page by what stands in its first cell: rows, then columns, by name. */
function readTable(page: string, corner: string): Record<string, Record<string, string>> {
  const lines = page.split('\n')
  const from = lines.findIndex((line) => line.startsWith(`| ${corner} |`))
  if (from < 0) throw new Error(`docs/kubernetes.md has no table "${corner}".`)
  const cells = (line: string) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
  const [, ...columns] = cells(lines[from] ?? '')
  const rows = lines.slice(from + 2)
  const end = rows.findIndex((line) => !line.startsWith('|'))
  return Object.fromEntries(
    rows.slice(0, end).map((line) => {
      const [name = '', ...values] = cells(line)
      return [name, Object.fromEntries(columns.map((column, i) => [column, values[i] ?? '']))]
    }),
  )
}
