/*
 * What is cached has a name that patterns are held against: its kind and whose it is, such as `task_resize`, `job_<id>`, `user_<id>`.
 */

export const cacheKinds = ['task', 'job', 'user'] as const
export type CacheKind = (typeof cacheKinds)[number]

/** An entry of the cache. */
export interface CacheEntry {
  kind: CacheKind
  /** Of the task, or an id. */
  of: string
  /** Whose it is; empty where it is nobody's, or read on behalf of all. */
  tenant: string
  /** What tells entries of one name and tenant apart. */
  detail: string
}

export const cacheName = ({ kind, of }: Pick<CacheEntry, 'kind' | 'of'>): string => `${kind}_${of}`

export const maxPatternLength = 200

/** Letters, digits, dots, dashes and underscores as they are; `*` for any number of them. */
const patternShape = /^[A-Za-z0-9._*-]+$/

/** What is wrong with a pattern, null for nothing. */
export function faultOfPattern(pattern: string): string | null {
  if (pattern.length > maxPatternLength) return `must be at most ${String(maxPatternLength)} characters`
  if (!patternShape.test(pattern)) return 'must be letters, digits, dots, dashes, underscores and *'
  const prefix = prefixOf(pattern)
  const canMatch = cacheKinds.some(
    (kind) => prefix.startsWith(`${kind}_`) || (prefix !== pattern && `${kind}_`.startsWith(prefix)),
  )
  return canMatch
    ? null
    : `must begin with one of ${cacheKinds.map((kind) => `${kind}_`).join(', ')}, or with *`
}

/** What every match begins with. */
export const prefixOf = (pattern: string): string => pattern.split('*', 1)[0] ?? ''

/** True when the pattern, in which `*` stands for any text, matches the whole name. In linear time: no regular expression is made of what users write. */
export function matchesPattern(pattern: string, name: string): boolean {
  const [first = '', ...others] = pattern.split('*')
  const last = others.pop()
  if (last === undefined) return name === pattern
  if (!name.startsWith(first) || name.length < first.length + last.length || !name.endsWith(last))
    return false
  let from = first.length
  const end = name.length - last.length
  for (const part of others) {
    const at = name.indexOf(part, from)
    if (at < 0 || at + part.length > end) return false
    from = at + part.length
  }
  return true
}
