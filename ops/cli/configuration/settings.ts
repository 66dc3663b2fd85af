import { ConfigError, type OptionName, readConfig, sourceOf } from '../../../core/config.ts'
import { options } from '../../../core/config-options.ts'
import { didYouMean } from '../../../core/did-you-mean.ts'
import { isLive } from '../../../core/live-config.ts'
import { shownValue } from '../../../core/shown-config.ts'
import { CliError } from '../cli-error.ts'

export interface Setting {
  name: OptionName
  /** Null when it is not set; of secrets only that there is one, of URLs with a password only the place. */
  value: unknown
  source: string
  isLive: boolean
}

export const optionNames = Object.keys(options) as OptionName[]

/** @throws CliError for what is no option */
export function toOptionName(name: string): OptionName {
  const found = optionNames.find((option) => option === name.toUpperCase())
  if (found) return found
  throw new CliError(`There is no option ${name}${didYouMean(name.toUpperCase(), optionNames)}`, {
    exitCode: 2,
  })
}

/** Options as an environment gives them; one that is wrong is left out, and its problem told. */
export function readSettings(
  names: readonly OptionName[],
  env: NodeJS.ProcessEnv,
): { settings: Setting[]; problems: string[] } {
  const settings: Setting[] = []
  const problems = new Set<string>()
  for (const name of names) {
    try {
      settings.push(readSetting(name, env))
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      for (const problem of error.problems) problems.add(problem)
    }
  }
  return { settings, problems: [...problems] }
}

/** @throws ConfigError */
function readSetting(name: OptionName, env: NodeJS.ProcessEnv): Setting {
  const source = sourceOf(name, env)
  const setting = { name, isLive: isLive(name) }
  // Some options have no default: a process that needs one says so itself.
  if (source === 'default' && !options[name].safeParse(undefined).success)
    return { ...setting, value: null, source: 'not set' }
  const value: unknown = readConfig([name], env)[name]
  return { ...setting, value: shownValue(name, value), source: value === undefined ? 'not set' : source }
}

export const showValue = (value: unknown): string =>
  value === null || value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value)
