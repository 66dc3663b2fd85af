import { Command } from 'commander'
import { version } from '../../core/version.ts'
import { makeCli } from './cli.ts'
import { addCache } from './commands/cache.ts'
import { addArtifacts } from './commands/artifacts.ts'
import { addCancel } from './commands/cancel.ts'
import { addConfig } from './commands/config.ts'
import { addDoctor } from './commands/doctor.ts'
import { addDrain } from './commands/drain.ts'
import { addGet } from './commands/get.ts'
import { addJobs } from './commands/jobs.ts'
import { addLogs } from './commands/logs.ts'
import { addMigrate } from './commands/migrate.ts'
import { addNodes } from './commands/nodes.ts'
import { addNotYet } from './commands/not-yet.ts'
import { addReplay } from './commands/replay.ts'
import { addScale } from './commands/scale.ts'
import { addSecrets } from './commands/secrets.ts'
import { addSimulate } from './commands/simulate.ts'
import { addSubmit } from './commands/submit.ts'
import { addTasks } from './commands/tasks.ts'
import { addTiers } from './commands/tiers.ts'
import { addToken } from './commands/token.ts'
import { addUp } from './commands/up.ts'
import { addUsers } from './commands/users.ts'
import { addWatch } from './commands/watch.ts'

/** The whole command line; docs/cli.md is made from it. */
export function makeProgram(): Command {
  const program = new Command('noodle')
    .description('Noodle runs your compute jobs on your own machines.')
    .version(version)
    .option('--json', 'print JSON, for programs')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('Add --help for what is possible.')
    .exitOverride()
  const cli = makeCli(() => program.opts<{ json?: boolean }>().json === true)
  addUp(program)
  addSubmit(program, cli)
  addGet(program, cli)
  addJobs(program, cli)
  addWatch(program, cli)
  addLogs(program, cli)
  addArtifacts(program, cli)
  addCancel(program, cli)
  addReplay(program, cli)
  addTasks(program, cli)
  addSecrets(program, cli)
  addTiers(program, cli)
  addNodes(program, cli)
  addDrain(program, cli)
  addScale(program, cli)
  addToken(program, cli)
  addUsers(program, cli)
  addCache(program, cli)
  addMigrate(program, cli)
  addConfig(program, cli)
  addSimulate(program, cli)
  addDoctor(program, cli)
  addNotYet(program)
  return program
}
