import type { Command } from 'commander'
import { CliError } from '../cli-error.ts'

/** Commands of the contract whose time has not come yet. */
const notYet = {
  workflow: 'run jobs that depend on each other',
  schedule: 'run jobs at set times',
  backup: 'back up the record',
  restore: 'restore a backup',
  drill: 'try a restore',
  failover: 'move to the standby',
  deploy: 'deploy a version',
  rollback: 'go back to the version before',
  flags: 'switch features',
} as const

/** Refuses them by name, so that nobody looks for a typing error. */
export function addNotYet(program: Command): void {
  for (const [name, summary] of Object.entries(notYet)) {
    program
      .command(name, { hidden: true })
      .summary(summary)
      .helpOption(false)
      .argument('[words...]')
      .allowUnknownOption()
      .action(() => {
        throw new CliError(`noodle ${name} (${summary}) is not part of this version of Noodle yet.`, {
          exitCode: 2,
        })
      })
  }
}
