import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { CliError } from '../cli-error.ts'
import { requireDatabaseUrl } from '../stores.ts'

export function addMigrate(program: Command, cli: Cli): void {
  program
    .command('migrate')
    .summary("bring the database to this version's schema")
    .description(
      "Brings the database of DATABASE_URL to this version's schema. Every process does so when it starts; this does it alone, before a deployment. Forward only.",
    )
    .action(async () => {
      const { migrate } = await import('../../../queue/store/migrate.ts') // other commands need not wait for it
      const report = await migrate(requireDatabaseUrl()).catch((error: unknown) => {
        throw new CliError(
          `The migration failed: ${error instanceof Error ? error.message : String(error)}`,
          {
            cause: error,
          },
        )
      })
      cli.show(report, () =>
        report.applied.length === 0
          ? `Nothing to do: all ${String(report.total)} migrations are applied.`
          : report.applied.map((name) => `applied ${name}`),
      )
    })
}
