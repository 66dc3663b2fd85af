import type { Command } from 'commander'
import type { JobEvent } from '../../../queue/domain/job.ts'
import type { Job } from '../../../client/src/contract.ts'
import { artifactTable } from '../artifact-table.ts'
import type { Cli } from '../cli.ts'
import { listArtifacts } from './artifacts.ts'
import { jobLines } from '../job-lines.ts'
import { tableOf } from '../table.ts'

export function addGet(program: Command, cli: Cli): void {
  program
    .command('get')
    .summary('show a job, with its result')
    .description(
      'Shows a job: its state, and when it has ended, its result or error, what it used and what files it left.',
    )
    .argument('<id>', 'of the job')
    .option('--events', 'show its timeline too')
    .action(async (id: string, { events }: { events?: boolean }) => {
      const api = cli.connect()
      const path = `/v1/jobs/${encodeURIComponent(id)}`
      const job = await api.call<Job>('GET', path)
      const artifacts = job.attempt > 0 ? await listArtifacts(api, id) : []
      const lines = (): string[] => [
        ...jobLines(job),
        ...(artifacts.length > 0 ? ['', ...artifactTable(artifacts)] : []),
      ]
      if (!events) {
        cli.show({ ...job, artifacts }, lines)
        return
      }
      const { items } = await api.call<{ items: (Omit<JobEvent, 'at'> & { at: string })[] }>(
        'GET',
        `${path}/events`,
      )
      cli.show({ ...job, artifacts, events: items }, () => [
        ...lines(),
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
