import type { Command } from 'commander'
import { ConfigError, ownEnvironment } from '../../../core/config.ts'
import { listEnvironments } from '../../../core/config-file.ts'
import type { Cli } from '../cli.ts'
import { compare, type Difference, readSide } from '../configuration/compare.ts'
import { withConfigHistory } from '../configuration/history.ts'
import {
  optionNames,
  readSettings,
  type Setting,
  showValue,
  toOptionName,
} from '../configuration/settings.ts'
import { environmentOf, type Validation, validateFile, validateHere } from '../configuration/validate-file.ts'
import { wholeNumber } from '../arguments.ts'
import { showRelative } from '../../../core/durations.ts'
import { tableOf } from '../table.ts'

export function addConfig(program: Command, cli: Cli): void {
  const config = program
    .command('config')
    .summary('show, check and compare configurations')
    .description(
      'What options have which values, what is wrong with them, and what runs (docs/configuration.md).',
    )
  addPrint(config, cli)
  addValidate(config, cli)
  addDiff(config, cli)
  addHistory(config, cli)
}

function addPrint(config: Command, cli: Cli): void {
  config
    .command('print', { isDefault: true })
    .description(
      'Shows every option with its value and where that comes from (default, file, environment, secret file); secrets are not shown. Exit code 1 when a value is wrong.',
    )
    .argument('[names...]', 'only these options')
    .option(
      '-e, --environment <name>',
      'as the file of this environment gives them, without the environment variables set here',
    )
    .action((names: string[], { environment }: { environment?: string }) => {
      const { settings, problems } = readSettings(
        names.length > 0 ? names.map(toOptionName) : optionNames,
        environment === undefined ? ownEnvironment : environmentOf(environment),
      )
      if (problems.length > 0) {
        cli.fail()
        if (!cli.isJson()) cli.note(new ConfigError(problems).message)
      }
      cli.show({ options: settings, problems }, () => settingTable(settings))
    })
}

function addValidate(config: Command, cli: Cli): void {
  config
    .command('validate')
    .description(
      'Checks the files of all environments (or of those named, by name or path), and the variables that are set here. Exit code 1 when something is wrong.',
    )
    .argument('[environments...]')
    .action((names: string[]) => {
      const validations =
        names.length > 0
          ? names.map(validateFile)
          : [...listEnvironments(ownEnvironment).map(validateFile), validateHere()]
      if (validations.some(({ problems }) => problems.length > 0)) cli.fail()
      cli.show({ validations }, () => validations.flatMap(validationLines))
    })
}

function addDiff(config: Command, cli: Cli): void {
  config
    .command('diff')
    .description(
      'Compares two configurations: environments by name, files by path, `here` (what this environment gives), or `running` (what processes of each kind took last, from the database). Exit code 1 when they differ.',
    )
    .argument('<left>')
    .argument('[right]', undefined, 'running')
    .action(async (left: string, right: string) => {
      const differences = compare(await readSide(left), await readSide(right))
      if (differences.length > 0) cli.fail()
      cli.show({ left, right, differences }, () =>
        differences.length === 0
          ? `${left} and ${right} are alike.`
          : differenceTable(differences, { left, right }),
      )
    })
}

function addHistory(config: Command, cli: Cli): void {
  config
    .command('history')
    .description('Lists which process took which configuration, and when, newest first, from the database.')
    .option('-n, --limit <n>', 'how many', wholeNumber, 20)
    .option('--process <kind>', 'only of this kind: gateway, ops, or a worker as `worker (small)`')
    .action(async (page: { limit: number; process?: string }) => {
      const items = await withConfigHistory((history) => history.list(page))
      cli.show({ items }, () =>
        tableOf(items, [
          { title: 'AT', value: ({ at }) => showRelative(at.toISOString()) },
          { title: 'PROCESS', value: ({ process }) => process },
          { title: 'INSTANCE', value: ({ instance }) => instance },
          { title: 'VERSION', value: ({ version }) => version },
          { title: 'ENVIRONMENT', value: ({ environment }) => environment ?? '' },
          { title: 'HASH', value: ({ hash }) => hash },
          { title: 'BY', value: ({ reason }) => reason },
          { title: 'CHANGED', value: ({ changed }) => changed.join(', ') },
        ]),
      )
    })
}

const settingTable = (settings: readonly Setting[]): string[] =>
  tableOf(settings, [
    { title: 'OPTION', value: ({ name }) => name },
    { title: 'SOURCE', value: ({ source }) => source },
    { title: 'LIVE', value: ({ isLive }) => (isLive ? 'yes' : '') },
    { title: 'VALUE', value: ({ value }) => showValue(value) },
  ])

const validationLines = ({ of, problems, warnings }: Validation): string[] => [
  `${problems.length > 0 ? 'wrong' : 'ok   '} ${of}`,
  ...problems.map((problem) => `      - ${problem}`),
  ...warnings.map((warning) => `      warning: ${warning}`),
]

const differenceTable = (
  differences: readonly Difference[],
  { left, right }: { left: string; right: string },
): string[] =>
  tableOf(differences, [
    { title: 'OPTION', value: ({ option }) => option },
    { title: 'PROCESS', value: ({ process }) => process ?? '' },
    { title: left.toUpperCase(), value: (difference) => showValue(difference.left) },
    { title: right.toUpperCase(), value: (difference) => showValue(difference.right) },
  ])
