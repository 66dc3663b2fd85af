import { type Config, type OptionName, ownEnvironment, readConfig } from './config.ts'
import { options } from './config-options.ts'
import { hashConfig, type ShownConfig, shownConfig } from './shown-config.ts'

export interface LiveConfig<K extends OptionName = never> {
  /**
   * Reading an option gives what holds now. Options marked `isLive` change at a reload, so they are read where they are used and never copied; the
   * others stay as they were at the start.
   */
  readonly values: Readonly<Pick<Config, K>>
  /** NOODLE_ENV of the process. */
  readonly environment: string | undefined
  /** What may be told of the values that hold now, and its hash. */
  shown(): ShownConfig
  hash(): string
  /** Options that have another value by now and wait for a restart, as the last reload found. */
  restartNeeded(): readonly OptionName[]
  /**
   * Reads files and secret files anew and takes over the live options, all at once.
   * @throws ConfigError when anything in them is wrong; then all stays as it was
   */
  reload(): Reloaded
}

export interface Reloaded {
  /** Options that hold another value from now on. */
  changed: readonly OptionName[]
  /** As LiveConfig.restartNeeded. */
  restartNeeded: readonly OptionName[]
}

/**
 * Reads the options of a process, and can do so again. `check` throws a ConfigError for what does not go together, now and at each reload.
 * @throws ConfigError
 */
export function openConfig<K extends OptionName>(
  names: readonly K[],
  {
    env = ownEnvironment,
    check = () => undefined,
  }: { env?: NodeJS.ProcessEnv; check?: (config: Readonly<Pick<Config, K>>) => void } = {},
): LiveConfig<K> {
  const wanted = [...new Set(names)]
  let current = readConfig(wanted, env)
  check(current)
  let waiting: readonly K[] = []
  const values = Object.defineProperties(
    {},
    Object.fromEntries(wanted.map((name) => [name, { get: () => current[name], enumerable: true }])),
  ) as Pick<Config, K>

  return {
    values,
    environment: env['NOODLE_ENV'] || undefined,
    shown: () => shownConfig(current),
    hash: () => hashConfig(shownConfig(current)),
    restartNeeded: () => waiting,
    reload() {
      const next = readConfig(wanted, env)
      const differing = wanted.filter((name) => JSON.stringify(next[name]) !== JSON.stringify(current[name]))
      const changed = differing.filter(isLive)
      const taken = { ...current, ...Object.fromEntries(changed.map((name) => [name, next[name]])) }
      check(taken)
      current = taken
      waiting = differing.filter((name) => !isLive(name))
      return { changed, restartNeeded: waiting }
    },
  }
}

/** Whether a reload (SIGHUP) changes it; else a restart does. */
export const isLive = (name: OptionName): boolean => options[name].meta()?.['isLive'] === true
