import { createHash } from 'node:crypto'
import type { Json } from './job.ts'

/** What tells equal jobs from others, besides their tenant: SHA-256 over task, version and payload in canonical form. */
export const equalityKey = (job: { task: string; version: string; payload: Json }): Buffer =>
  createHash('sha256')
    .update(canonicalJson([job.task, job.version, job.payload]))
    .digest()

/**
 * One text for equal values: members in order of their names, numbers as JSON.stringify tells them (1.0 is 1, and -0 is 0), no white space (as RFC 8785).
 * Payloads are at most as deep as the API lets in.
 */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(value[name] ?? null)}`)
  return `{${members.join(',')}}`
}
