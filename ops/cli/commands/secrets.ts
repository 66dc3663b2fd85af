import type { Command } from 'commander'
import { secretMisfit } from '../../../queue/domain/secret.ts'
import type { Secret } from '../../../client/src/contract.ts'
import type { Cli } from '../cli.ts'
import { CliError } from '../cli-error.ts'
import { showRelative } from '../../../core/durations.ts'
import { readText } from '../read-input.ts'
import { readPassword } from '../read-password.ts'
import { tableOf } from '../table.ts'

interface Whose {
  tenant?: string
}

const tenantOption = ['--tenant <tenant>', "whose, for admins; default: one's own"] as const

export function addSecrets(program: Command, cli: Cli): void {
  const secrets = program
    .command('secrets')
    .summary('set, list and remove secrets for tasks')
    .description('Secrets that tasks ask for by name (docs/secrets.md). No command tells a value.')
  secrets
    .command('list', { isDefault: true })
    .alias('ls')
    .description('Lists the names of secrets.')
    .option(...tenantOption)
    .action(async ({ tenant }: Whose) => {
      const { items } = await cli
        .connect()
        .call<{ items: Secret[] }>('GET', '/v1/secrets', { query: { tenant } })
      cli.show({ items }, () => secretTable(items))
    })
  secrets
    .command('set')
    .description(
      'Sets a secret: to what stdin brings, without its last line end, or to what is typed at the prompt.',
    )
    .argument('<name>', 'a letter, then letters, digits, dots, dashes or underscores')
    .option(...tenantOption)
    .action(async (name: string, { tenant }: Whose) => {
      const value = await readValue(name)
      const secret = await cli
        .connect()
        .call<Secret>('PUT', pathOf(name), { query: { tenant }, body: JSON.stringify({ value }) })
      cli.show(secret, () => `${name} is set, version ${String(secret.version)}.`)
    })
  secrets
    .command('remove')
    .alias('rm')
    .description('Removes a secret.')
    .argument('<name>')
    .option(...tenantOption)
    .action(async (name: string, { tenant }: Whose) => {
      await cli.connect().call('DELETE', pathOf(name), { query: { tenant } })
      cli.show({ name }, () => `${name} is removed.`)
    })
}

const pathOf = (name: string): string => `/v1/secrets/${encodeURIComponent(name)}`

/** Never an argument, which others could read in ps. @throws CliError for what can be no secret */
async function readValue(name: string): Promise<string> {
  const value = process.stdin.isTTY
    ? await readPassword(`Value of ${name}: `, false)
    : readText('-').replace(/\r?\n$/, '')
  const misfit = secretMisfit(value)
  if (misfit !== null) throw new CliError(`The value ${misfit}.`, { exitCode: 2 })
  return value
}

const secretTable = (secrets: readonly Secret[]): string[] =>
  tableOf(secrets, [
    { title: 'SECRET', value: ({ name }) => name },
    { title: 'VERSION', value: ({ version }) => String(version) },
    { title: 'SET', value: ({ updatedAt }) => showRelative(updatedAt) },
  ])
