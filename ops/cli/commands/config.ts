import type { Command } from 'commander'
import { ConfigError, type OptionName, readConfig, sourceOf } from '../../../core/config.ts'
import { options } from '../../../core/config-options.ts'
import { didYouMean } from '../../../core/did-you-mean.ts'
import type { Cli } from '../cli.ts'
import { CliError } from '../cli-error.ts'
import { tableOf } from '../table.ts'

interface Setting {
  name: OptionName
  /** Null when it is not set; of secrets only that there is one. */
  value: unknown
  source: string
}

export function addConfig(program: Command, cli: Cli): void {
  program
    .command('config')
    .summary('show the configuration, and what is wrong with it')
    .description(
      'Shows every option with its value and where that comes from (default, file, environment, secret file); secrets are not shown. Exit code 1 when a value is wrong.',
    )
    .argument('[names...]', 'only these options')
    .action((names: string[]) => {
      const settings: Setting[] = []
      const problems = new Set<string>()
      for (const name of names.length > 0 ? names.map(toOptionName) : optionNames) {
        try {
          settings.push(readSetting(name))
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error
          for (const problem of error.problems) problems.add(problem)
        }
      }
      if (problems.size > 0) {
        cli.fail()
        if (!cli.isJson()) cli.note(new ConfigError([...problems]).message)
      }
      cli.show({ options: settings, problems: [...problems] }, () => settingTable(settings))
    })
}

const optionNames = Object.keys(options) as OptionName[]

function toOptionName(name: string): OptionName {
  const found = optionNames.find((option) => option === name.toUpperCase())
  if (found) return found
  throw new CliError(`There is no option ${name}${didYouMean(name.toUpperCase(), optionNames)}`, {
    exitCode: 2,
  })
}

/** @throws ConfigError */
function readSetting(name: OptionName): Setting {
  const source = sourceOf(name)
  // Some options have no default: a process that needs one says so itself.
  if (source === 'default' && !options[name].safeParse(undefined).success)
    return { name, value: null, source: 'not set' }
  const value: unknown = readConfig([name])[name]
  if (value === undefined) return { name, value: null, source: 'not set' }
  const isSecret = options[name].meta()?.['secret'] === true
  return { name, value: isSecret ? '(not shown)' : value, source }
}

const settingTable = (settings: readonly Setting[]): string[] =>
  tableOf(settings, [
    { title: 'OPTION', value: ({ name }) => name },
    { title: 'SOURCE', value: ({ source }) => source },
    {
      title: 'VALUE',
      value: ({ value }) => (value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value)),
    },
  ])
