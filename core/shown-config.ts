import { createHash } from 'node:crypto'
import type { Config, OptionName } from './config.ts'
import { options } from './config-options.ts'

/** An option's value as it may be shown and kept: of a secret only that it is set, of a URL with a password only the place (ADR 0011). */
export function shownValue(name: OptionName, value: unknown): unknown {
  if (value === undefined) return null
  const { secret, isUrl } = options[name].meta() ?? {}
  if (secret !== true) return value
  if (Array.isArray(value)) return value.map(() => notShown)
  return isUrl === true && typeof value === 'string' ? placeOf(value) : notShown
}

const notShown = '(not shown)'

/** Without user, password and query, which may have a password too. */
function placeOf(text: string): string {
  if (!URL.canParse(text)) return notShown
  const { protocol, username, password, host, pathname } = new URL(text)
  return `${protocol}//${username || password ? `${notShown}@` : ''}${host}${pathname}`
}

/** What is told of a process' configuration. */
export type ShownConfig = Record<string, unknown>

/** All of the options that processes of a kind have in common: not those that tell one from its neighbours, such as NODE_ID and PORT. */
export function shownConfig(config: Partial<Config>): ShownConfig {
  const names = (Object.keys(config) as OptionName[]).filter(
    (name) => options[name].meta()?.['isOwn'] !== true,
  )
  return Object.fromEntries(names.sort().map((name) => [name, shownValue(name, config[name])]))
}

/** 12 hexadecimal digits that are the same for equal configurations. */
export const hashConfig = (shown: ShownConfig): string =>
  createHash('sha256')
    .update(JSON.stringify(Object.entries(shown).sort(([a], [b]) => (a < b ? -1 : 1))))
    .digest('hex')
    .slice(0, 12)

/** Names of the options in which two differ, sorted; one that only one of them has counts. */
export function differingOptions(before: ShownConfig, after: ShownConfig): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
    .sort()
}
