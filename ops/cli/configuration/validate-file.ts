import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { ConfigError, type OptionName, ownEnvironment, readConfig } from '../../../core/config.ts'
import { configFolder, environmentFile, readConfigFile } from '../../../core/config-file.ts'
import { options } from '../../../core/config-options.ts'
import { CliError } from '../cli-error.ts'
import { optionNames } from './settings.ts'

/** The variables that make an environment's file be read, and nothing else. `name` is an environment, or the path of a file. @throws CliError when there is no such file */
export function environmentOf(name: string): NodeJS.ProcessEnv {
  const isPath = name.endsWith('.yaml')
  const env = {
    NOODLE_CONFIG_DIR: isPath ? dirname(name) : configFolder(ownEnvironment),
    NOODLE_ENV: isPath ? basename(name, '.yaml') : name,
  }
  const path = join(env.NOODLE_CONFIG_DIR, `${env.NOODLE_ENV}.yaml`)
  if (!existsSync(path)) throw new CliError(`There is no ${path}.`, { exitCode: 2 })
  return env
}

export interface Validation {
  /** The file, or `environment` for the variables that are set here. */
  of: string
  problems: string[]
  warnings: string[]
}

/** What is wrong with an environment's file, and what is not as it should be. */
export function validateFile(name: string): Validation {
  const env = environmentOf(name)
  const path = environmentFile(env) ?? name
  const values = readConfigFile(path, []) // its problems are told below
  const set = optionNames.filter((option) => Object.hasOwn(values, option))
  const secrets = set.filter((option) => options[option].meta()?.['secret'] === true)
  return {
    of: path,
    problems: problemsWith(set, env),
    warnings: secrets.map(
      (option) =>
        `${path} has the secret ${option}; put it into a file of its own, and its path into ${option}_FILE.`,
    ),
  }
}

/** What is wrong with the options that are set here, by the environment and its file. */
export function validateHere(): Validation {
  const set = optionNames.filter((name) => ownEnvironment[name] || ownEnvironment[`${name}_FILE`])
  return { of: 'environment', problems: problemsWith(set, ownEnvironment), warnings: [] }
}

function problemsWith(names: readonly OptionName[], env: NodeJS.ProcessEnv): string[] {
  try {
    readConfig(names, env)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return [...error.problems]
    throw error
  }
}
