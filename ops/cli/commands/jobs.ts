import type { Command } from 'commander'
import type { Job } from '../../../client/src/contract.ts'
import { label, listed, timeOrAge, wholeNumber } from '../arguments.ts'
import type { Cli } from '../cli.ts'
import { showDuration, showRelative } from '../../../core/durations.ts'
import { stateColour } from '../job-lines.ts'
import { type Column, tableOf } from '../table.ts'
import { oneLine } from '../text.ts'

interface Options {
  state?: string[]
  task?: string[]
  tier?: string[]
  label?: Record<string, string>
  since?: string
  until?: string
  text?: string
  tenant?: string
  limit: number
}

const largestPage = 200

const columns: Column<Job>[] = [
  { title: 'ID', value: ({ id }) => id, minWidth: 36 },
  { title: 'STATE', value: ({ state }) => state, minWidth: 9, colour: stateColour },
  { title: 'TASK', value: ({ task }) => task, minWidth: 10 },
  { title: 'TIER', value: ({ tier }) => tier, minWidth: 6 },
  { title: 'ATTEMPT', value: ({ attempt }) => attempt, align: 'right' },
  { title: 'CREATED', value: ({ createdAt }) => showRelative(createdAt), minWidth: 10 },
  { title: 'TOOK', value: ({ usage }) => (usage ? showDuration(usage.wallMs) : ''), minWidth: 8 },
  { title: 'ERROR', value: ({ error }) => (error ? oneLine(`${error.code}: ${error.message}`, 60) : '') },
]

export function addJobs(program: Command, cli: Cli): void {
  program
    .command('jobs')
    .summary('list jobs, newest first')
    .description('Lists jobs, newest first. Filters add up.')
    .option('--state <states>', 'such as failed or queued,running', listed)
    .option('--task <tasks>', 'only these tasks', listed)
    .option('--tier <tiers>', 'only these tiers', listed)
    .option('--label <key=value>', 'only with this label; several times for several', label)
    .option('--since <time>', 'created after: a time, or an age such as 2h', timeOrAge)
    .option('--until <time>', 'created before: a time, or an age such as 2h', timeOrAge)
    .option('--text <text>', 'only with this text in payload, error or labels')
    .option('--tenant <tenant>', 'only of this tenant, for admins')
    .option('--limit <number>', 'how many at most; 0 for all', wholeNumber, 50)
    .action(async (options: Options) => {
      const all: Job[] = []
      let hasTitles = true
      const most = options.limit === 0 ? Infinity : options.limit
      let left = most
      for await (const page of cli.connect().pages<Job>('/v1/jobs', toQuery(options, most))) {
        const jobs = page.slice(0, left)
        left -= jobs.length
        if (cli.isJson()) all.push(...jobs)
        else if (jobs.length > 0) cli.write(`${tableOf(jobs, columns, { hasTitles }).join('\n')}\n`)
        hasTitles = false
        if (left <= 0) break
      }
      if (cli.isJson()) cli.show({ items: all }, () => [])
      else if (left === most) cli.note('No jobs.')
    })
}

const toQuery = (
  { state, task, tier, label: labels, since, until, text, tenant }: Options,
  most: number,
) => ({
  limit: Math.min(most, largestPage),
  state: state?.join(','),
  task: task?.join(','),
  tier: tier?.join(','),
  label: labels && Object.entries(labels).map(([key, value]) => `${key}:${value}`),
  createdAfter: since,
  createdBefore: until,
  q: text,
  tenant,
})
