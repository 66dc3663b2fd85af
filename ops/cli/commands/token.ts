import type { Command } from 'commander'
import { readConfig, sourceOf } from '../../../core/config.ts'
import { makeNodeTokens } from '../../../queue/use-cases/node-tokens.ts'
import { homeFolder, readHomeSecrets } from '../../local/home.ts'
import { wholeNumber } from '../arguments.ts'
import type { Cli } from '../cli.ts'
import { CliError } from '../cli-error.ts'
import { readPassword } from '../read-password.ts'
import { findGatewayUrl, logIn, openSession } from '../session.ts'

interface Options {
  node?: string
  days: number
  username?: string
  passwordStdin?: boolean
}

export function addToken(program: Command, cli: Cli): void {
  program
    .command('token')
    .summary('print an access token')
    .description(
      'Prints an access token for curl and other clients: of the login in the credentials file, or of another user; or the token of a worker that goes through a gateway, signed with AUTH_JWT_SECRET (docs/remote-workers.md).',
    )
    .option('--username <name>', 'log in as this user; the password is asked')
    .option('--password-stdin', 'read the password from stdin')
    .option('--node <id>', 'the token of the worker with this NODE_ID, for its WORKER_TOKEN')
    .option('--days <days>', 'how long that token is good', wholeNumber, 30)
    .action(async ({ node, days, username, passwordStdin = false }: Options) => {
      if (node !== undefined) {
        const token = signNodeToken(node, days)
        cli.show({ accessToken: token, tokenType: 'Bearer' }, () => token)
        return
      }
      if (username === undefined && passwordStdin)
        throw new CliError('--password-stdin needs --username.', { exitCode: 2 })
      const accessToken =
        username === undefined
          ? await openSession().token({ isRefused: false })
          : await tokenOf(username, passwordStdin)
      cli.show({ accessToken, tokenType: 'Bearer' }, () => accessToken)
    })
}

const secondsPerDay = 86_400

function signNodeToken(node: string, days: number): string {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(node))
    throw new CliError('--node must be 1 to 64 letters, digits, dots, dashes or underscores.', {
      exitCode: 2,
    })
  if (days < 1) throw new CliError('--days must be 1 or more.', { exitCode: 2 })
  const secret =
    sourceOf('AUTH_JWT_SECRET') === 'default'
      ? readHomeSecrets(homeFolder(readConfig(['NOODLE_HOME']).NOODLE_HOME))?.jwtSecret
      : readConfig(['AUTH_JWT_SECRET']).AUTH_JWT_SECRET
  if (secret === undefined)
    throw new CliError(
      'AUTH_JWT_SECRET of the gateways is needed to sign it; set it or AUTH_JWT_SECRET_FILE.',
    )
  return makeNodeTokens({ secret, previousSecrets: [], lifeSeconds: days * secondsPerDay }).issue(node)
}

async function tokenOf(username: string, isStdin: boolean): Promise<string> {
  const url = findGatewayUrl()
  if (url === undefined)
    throw new CliError(
      'Noodle has not run here yet. Start it with npm start, or set NOODLE_URL to one that runs elsewhere.',
    )
  const password = await readPassword(`Password of ${username}: `, isStdin)
  return (await logIn({ url, username, password })).accessToken
}
