import { existsSync, readFileSync } from 'node:fs'
import type { z } from 'zod'
import { environmentFile, readConfigFile } from './config-file.ts'
import { options } from './config-options.ts'
import { withPassword } from './url-password.ts'

export type OptionName = keyof typeof options
export type Config = { [K in OptionName]: z.output<(typeof options)[K]> }

/** The environment of this process, for those who look into it or pass a changed one on. */
export const ownEnvironment: Readonly<NodeJS.ProcessEnv> = process.env

/** Wrong configuration: the message names each option that is wrong, and how to mend it. A process that meets it must not start. */
export class ConfigError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`The configuration is wrong:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/**
 * Reads the options that a process needs: default < `config/<NOODLE_ENV>.yaml` < environment < `<NAME>_FILE` (a file that holds the value,
 * for secrets). An empty variable counts as not set.
 * @throws ConfigError naming every option that is wrong
 */
export function readConfig<K extends OptionName>(
  names: readonly K[],
  env: NodeJS.ProcessEnv = ownEnvironment,
): Pick<Config, K> {
  const problems: string[] = []
  const file = readEnvironmentFile(env, problems)
  const values: Record<string, unknown> = {}
  for (const name of names) {
    const raw = rawValue(name, env, file, problems)
    const parsed = options[name].safeParse(raw)
    if (parsed.success) values[name] = withItsPassword(name, parsed.data, { env, file, problems })
    else
      problems.push(
        ...parsed.error.issues.map((issue) =>
          raw === undefined ? missing(name) : describeIssue(name, issue),
        ),
      )
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return values as Pick<Config, K>
}

/** Where an option's value comes from, for `noodle config`. */
export type ValueSource = 'default' | 'file' | 'environment' | 'secret file'

export function sourceOf(name: OptionName, env: NodeJS.ProcessEnv = ownEnvironment): ValueSource {
  if (env[`${name}_FILE`]) return 'secret file'
  if (env[name]) return 'environment'
  return readEnvironmentFile(env, [])[name] === undefined ? 'default' : 'file'
}

function rawValue(
  name: OptionName,
  env: NodeJS.ProcessEnv,
  file: Record<string, unknown>,
  problems: string[],
): unknown {
  const path = env[`${name}_FILE`]
  if (path) {
    try {
      return readFileSync(path, 'utf8').trim()
    } catch (error) {
      problems.push(
        `${name}_FILE names ${path}, which can't be read: ${error instanceof Error ? error.message : String(error)}`,
      )
      return undefined
    }
  }
  return env[name] || file[name]
}

/** So that a password can be a file of its own, while the address stands in the open. */
const passwordOf: Partial<Record<OptionName, OptionName>> = {
  DATABASE_URL: 'DATABASE_PASSWORD',
  REDIS_URL: 'REDIS_PASSWORD',
  CACHE_REDIS_URL: 'CACHE_REDIS_PASSWORD',
}

function withItsPassword(
  name: OptionName,
  value: unknown,
  { env, file, problems }: { env: NodeJS.ProcessEnv; file: Record<string, unknown>; problems: string[] },
): unknown {
  const option = passwordOf[name]
  if (!option || typeof value !== 'string') return value
  const password = rawValue(option, env, file, problems)
  if (typeof password !== 'string' || password === '') return value
  try {
    return withPassword(value, password)
  } catch (error) {
    problems.push(`${option}: ${name} ${error instanceof Error ? error.message : String(error)}.`)
    return value
  }
}

/** What the file of the environment sets. */
function readEnvironmentFile(env: NodeJS.ProcessEnv, problems: string[]): Record<string, unknown> {
  const path = environmentFile(env)
  if (path === undefined) return {}
  if (existsSync(path)) return readConfigFile(path, problems)
  problems.push(
    `NOODLE_ENV is ${String(env['NOODLE_ENV'])}, but there is no ${path}; write it, or leave NOODLE_ENV unset.`,
  )
  return {}
}

function describeIssue(name: OptionName, issue: z.core.$ZodIssue): string {
  const where = issue.path.length > 0 ? `${name} at ${issue.path.join('.')}` : name
  return `${where}: ${issue.message}.`
}

const missing = (name: OptionName): string =>
  `${name} is not set; set it or ${name}_FILE. ${options[name].description ?? ''}`.trim()

/** What `read` gives; a wrong configuration ends the process with the message that names what is wrong, and nothing else. */
export function orExit<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    return exitWith(error)
  }
}

/** As orExit, for what finds out only later that its configuration is wrong. */
export async function openOrExit<T>(open: () => Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (error) {
    return exitWith(error)
  }
}

function exitWith(error: unknown): never {
  if (!(error instanceof ConfigError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
}
