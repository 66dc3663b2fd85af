import type { Command } from 'commander'
import type { Job } from '../../../client/src/contract.ts'
import type { Cli } from '../cli.ts'
import { hasEnded, jobLines, stateColour } from '../job-lines.ts'
import { makeProgressLine, progressBar } from '../progress-bar.ts'
import { coloured, oneLine } from '../text.ts'
import { waitForJobs } from '../wait-for-jobs.ts'

export function addWatch(program: Command, cli: Cli): void {
  program
    .command('watch')
    .summary('follow jobs until they end')
    .description(
      'Follows jobs with a progress bar until all have ended, then shows how. Exit code 1 unless all succeeded.',
    )
    .argument('<ids...>', 'of the jobs')
    .action(async (ids: string[]) => {
      const line = makeProgressLine()
      const jobs = await waitForJobs(cli.connect(), ids, (now) => {
        line.draw(now.length === 1 && now[0] ? describeOne(now[0]) : describeMany(now, ids.length))
      }).finally(() => {
        line.end()
      })
      if (jobs.some(({ state }) => state !== 'succeeded')) cli.fail()
      cli.show({ items: jobs }, () =>
        jobs.flatMap((job) => (jobs.length === 1 ? jobLines(job) : endLine(job))),
      )
    })
}

/** A task that tells no progress is not begun, under way, or over. */
function describeOne(job: Job): string {
  const share = job.state === 'succeeded' ? 1 : (job.progress ?? 0) / 100
  const node = job.state === 'running' && job.nodeId !== null ? ` on ${job.nodeId}` : ''
  const attempt = job.attempt > 1 ? `, attempt ${String(job.attempt)}` : ''
  const note = job.state === 'running' && job.progressNote !== null ? `: ${job.progressNote}` : ''
  return oneLine(`${progressBar(share)} ${job.state}${node}${attempt}${note}`)
}

function describeMany(jobs: readonly Job[], total: number): string {
  const count = (isCounted: (job: Job) => boolean): number => jobs.filter(isCounted).length
  const ended = count(hasEnded)
  const running = count(({ state }) => state === 'running')
  const failed = count((job) => hasEnded(job) && job.state !== 'succeeded')
  const parts = [
    `${String(ended)} of ${String(total)} ended`,
    ...(running > 0 ? [`${String(running)} running`] : []),
    ...(failed > 0 ? [`${String(failed)} not succeeded`] : []),
  ]
  return `${progressBar(total === 0 ? 1 : ended / total)} ${parts.join(', ')}`
}

const endLine = (job: Job): string =>
  `${job.id} ${coloured(stateColour(job), job.state)}${job.error ? oneLine(` ${job.error.code}: ${job.error.message}`) : ''}`
