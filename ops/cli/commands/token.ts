import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { CliError } from '../cli-error.ts'
import { readPassword } from '../read-password.ts'
import { findGatewayUrl, logIn, openSession } from '../session.ts'

interface Options {
  username?: string
  passwordStdin?: boolean
}

export function addToken(program: Command, cli: Cli): void {
  program
    .command('token')
    .summary('print an access token')
    .description(
      'Prints an access token for curl and other clients: of the login in the credentials file, or of another user.',
    )
    .option('--username <name>', 'log in as this user; the password is asked')
    .option('--password-stdin', 'read the password from stdin')
    .action(async ({ username, passwordStdin = false }: Options) => {
      if (username === undefined && passwordStdin)
        throw new CliError('--password-stdin needs --username.', { exitCode: 2 })
      const accessToken =
        username === undefined
          ? await openSession().token({ isRefused: false })
          : await tokenOf(username, passwordStdin)
      cli.show({ accessToken, tokenType: 'Bearer' }, () => accessToken)
    })
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
