import { type OptionName, ownEnvironment } from '../../../core/config.ts'
import { options } from '../../../core/config-options.ts'
import { differingOptions, type ShownConfig } from '../../../core/shown-config.ts'
import { CliError } from '../cli-error.ts'
import { withConfigHistory } from './history.ts'
import { optionNames, readSettings } from './settings.ts'
import { environmentOf } from './validate-file.ts'

/** One side of a comparison: a configuration, or what each kind of process runs with. */
export interface Side {
  name: string
  configs: { process: string | null; shown: ShownConfig }[]
  /** A file holds no secrets: that they are missing tells nothing. */
  isFile: boolean
}

export interface Difference {
  option: string
  /** The kind of process that has it, where one side is what runs. */
  process: string | null
  left: unknown
  right: unknown
}

/** They say which file is read, and nothing of what is in it. */
const namesSide: ReadonlySet<OptionName> = new Set(['NOODLE_ENV', 'NOODLE_CONFIG_DIR'])

/** `here` (what this environment gives), `running` (what processes took last), the name of an environment, or the path of a file. @throws CliError */
export async function readSide(name: string): Promise<Side> {
  if (name === 'running') {
    const latest = await withConfigHistory((history) => history.findLatest())
    if (latest.length === 0) throw new CliError('No process has told its configuration to this database yet.')
    return {
      name,
      isFile: false,
      configs: latest.map(({ process, settings }) => ({ process, shown: settings })),
    }
  }
  const isHere = name === 'here'
  const { settings, problems } = readSettings(optionNames, isHere ? ownEnvironment : environmentOf(name))
  if (problems.length > 0) throw new CliError(`${name} is wrong:\n${problems.join('\n')}`)
  const shown = Object.fromEntries(
    settings
      .filter(({ name: option }) => !namesSide.has(option))
      .map(({ name: option, value }) => [option, value]),
  )
  return { name, isFile: !isHere, configs: [{ process: null, shown }] }
}

/** Options in which two sides differ. A process is asked for those only that it reads. */
export function compare(left: Side, right: Side): Difference[] {
  return left.configs.flatMap((one) =>
    right.configs
      .filter((other) => one.process === null || other.process === null || one.process === other.process)
      .flatMap((other) =>
        differingOptions(one.shown, other.shown)
          .filter(
            (option) =>
              (one.process === null || Object.hasOwn(one.shown, option)) &&
              (other.process === null || Object.hasOwn(other.shown, option)) &&
              !isSecretLeftOut(left, one.shown, option) &&
              !isSecretLeftOut(right, other.shown, option),
          )
          .map((option) => ({
            option,
            process: one.process ?? other.process,
            left: one.shown[option] ?? null,
            right: other.shown[option] ?? null,
          })),
      ),
  )
}

const isSecretLeftOut = ({ isFile }: Side, shown: ShownConfig, option: string): boolean =>
  isFile &&
  (shown[option] ?? null) === null &&
  Object.hasOwn(options, option) &&
  options[option as OptionName].meta()?.['secret'] === true
