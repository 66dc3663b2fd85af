import type { Command } from 'commander'
import type { Job } from '../../../client/src/contract.ts'
import type { Cli } from '../cli.ts'
import { forEach } from '../each.ts'
import { waitForJobs } from '../wait-for-jobs.ts'

export function addCancel(program: Command, cli: Cli): void {
  program
    .command('cancel')
    .summary('cancel jobs')
    .description('Cancels jobs. One that runs is told to stop, and is cancelled within its grace.')
    .argument('<ids...>', 'of the jobs')
    .option('--wait', 'wait until they have ended')
    .action(async (ids: string[], { wait }: { wait?: boolean }) => {
      const api = cli.connect()
      const cancel = (id: string) =>
        api.call<Job>('POST', `/v1/jobs/${encodeURIComponent(id)}/cancel`, { isRepeatable: true })
      const told = await forEach(cli, ids, cancel)
      const jobs = wait
        ? await waitForJobs(
            api,
            told.map(({ id }) => id),
          )
        : told
      cli.show({ items: jobs }, () =>
        jobs.map(({ id, state }) => `${id} ${state}${state === 'running' ? ', told to stop' : ''}`),
      )
    })
}
