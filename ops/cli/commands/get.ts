import type { Command } from 'commander'
import type { JobEvent } from '../../../queue/domain/job.ts'
import type { JobView } from '../api-views.ts'
import type { Cli } from '../cli.ts'
import { jobLines } from '../job-lines.ts'
import { tableOf } from '../table.ts'

export function addGet(program: Command, cli: Cli): void {
  program
    .command('get')
    .summary('show a job, with its result')
    .description('Shows a job: its state, and when it has ended, its result or error and what it used.')
    .argument('<id>', 'of the job')
    .option('--events', 'show its timeline too')
    .action(async (id: string, { events }: { events?: boolean }) => {
      const api = cli.connect()
      const path = `/v1/jobs/${encodeURIComponent(id)}`
      const job = await api.call<JobView>('GET', path)
      if (!events) {
        cli.show(job, () => jobLines(job))
        return
      }
      const { items } = await api.call<{ items: (Omit<JobEvent, 'at'> & { at: string })[] }>(
        'GET',
        `${path}/events`,
      )
      cli.show({ ...job, events: items }, () => [
        ...jobLines(job),
        '',
        ...tableOf(items, [
          { title: 'AT', value: ({ at }) => at },
          { title: 'STATE', value: ({ state }) => state },
          { title: 'ATTEMPT', value: ({ attempt }) => attempt ?? '', align: 'right' },
          { title: 'NODE', value: ({ nodeId }) => nodeId ?? '' },
          { title: 'REASON', value: ({ reason }) => reason ?? '' },
        ]),
      ])
    })
}
