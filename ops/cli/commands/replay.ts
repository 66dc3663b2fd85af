import { randomUUID } from 'node:crypto'
import type { Command } from 'commander'
import type { Job } from '../../../client/src/contract.ts'
import type { Cli } from '../cli.ts'
import { forEach } from '../each.ts'
import { readJson } from '../read-input.ts'

export function addReplay(program: Command, cli: Cli): void {
  program
    .command('replay')
    .summary('submit ended jobs once more')
    .description(
      'Submits ended jobs once more, as new jobs; the old ones stay as they ended. Prints the ids of the new ones.',
    )
    .argument('<ids...>', 'of the jobs')
    .option('--payload <json>', 'another payload: JSON, @file, or - for stdin')
    .action(async (ids: string[], { payload }: { payload?: string }) => {
      const api = cli.connect()
      const body = payload === undefined ? undefined : { payload: readJson(payload, 'The payload') }
      const jobs = await forEach(cli, ids, (id) =>
        api.call<Job>('POST', `/v1/jobs/${encodeURIComponent(id)}/replay`, {
          ...(body && { body: JSON.stringify(body) }),
          headers: { 'Idempotency-Key': randomUUID() },
          isRepeatable: true,
        }),
      )
      cli.show({ items: jobs }, () => jobs.map(({ id }) => id))
    })
}
