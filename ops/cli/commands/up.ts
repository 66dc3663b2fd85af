import type { Command } from 'commander'

export function addUp(program: Command): void {
  program
    .command('up')
    .summary('run the whole platform on this machine, until Ctrl-C')
    .description(
      'Starts Redis and Postgres (unless REDIS_URL and DATABASE_URL name others), gateway, ops and a worker for each tier, runs a first job, and goes on until Ctrl-C.',
    )
    .action(async () => {
      const { up } = await import('../../local/up.ts') // other commands need not wait for it
      process.exitCode = await up({
        print: (line) => process.stdout.write(`${line}\n`),
        printError: (line) => process.stderr.write(`${line}\n`),
      })
    })
}
