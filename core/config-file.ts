import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse as parseYaml } from 'yaml'
import { options } from './config-options.ts'
import { didYouMean } from './did-you-mean.ts'

/** Version of the shape of configuration files: `schema: 1` at their top. A file without it counts as 1. It grows when an option is renamed or takes its values otherwise. */
export const fileSchema = 1

/** The file of the environment that NOODLE_ENV names; undefined when it names none. */
export function environmentFile(env: NodeJS.ProcessEnv): string | undefined {
  const environment = env['NOODLE_ENV']
  return environment ? join(configFolder(env), `${environment}.yaml`) : undefined
}

export const configFolder = (env: NodeJS.ProcessEnv): string => env['NOODLE_CONFIG_DIR'] || 'config'

/** Names of the environments that have a file, sorted. */
export function listEnvironments(env: NodeJS.ProcessEnv): string[] {
  const folder = configFolder(env)
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.slice(0, -'.yaml'.length))
    .sort()
}

/** The options that a file sets, unchecked; an option without a value counts as not set. What is wrong with the file as such is added to `problems`. */
export function readConfigFile(path: string, problems: string[]): Record<string, unknown> {
  let content: unknown
  try {
    content = parseYaml(readFileSync(path, 'utf8')) ?? {}
  } catch (error) {
    // The parser's message goes on with an excerpt, which may hold a secret.
    problems.push(`${path} can't be read: ${firstLine(error)}`)
    return {}
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    problems.push(`${path} must be a mapping of option names to values.`)
    return {}
  }
  const { schema = 1, ...values } = content as Record<string, unknown>
  if (schema !== fileSchema) {
    problems.push(
      typeof schema === 'number' && Number.isInteger(schema) && schema > fileSchema
        ? `${path} is of schema ${String(schema)}, and this version of Noodle reads ${String(fileSchema)}: it was written for a later one.`
        : `${path}: schema must be ${String(fileSchema)}.`,
    )
    return {}
  }
  for (const name of Object.keys(values)) {
    if (!Object.hasOwn(options, name))
      problems.push(
        `${path}: there is no option ${name}${didYouMean(name.toUpperCase(), Object.keys(options))}`,
      )
  }
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null))
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]?.replace(/:$/, '.') ?? ''
}
