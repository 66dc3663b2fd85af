import { randomUUID } from 'node:crypto'
import { type Command, Option } from 'commander'
import { requirements } from '../../../queue/domain/tiers.ts'
import type { ApiClient } from '../api-client.ts'
import type { Job } from '../../../client/src/contract.ts'
import { duration, label, positiveNumber, timeOrDelay, wholeNumber } from '../arguments.ts'
import type { Cli } from '../cli.ts'
import { CliError } from '../cli-error.ts'
import { hasEnded, jobLines, warningLines } from '../job-lines.ts'
import { readText } from '../read-input.ts'
import { type SubmitOptions, toSubmission } from '../submission.ts'
import { coloured, oneLine } from '../text.ts'
import { waitForJobs } from '../wait-for-jobs.ts'

interface Options extends SubmitOptions {
  batch?: string
  idempotencyKey?: string
  wait?: boolean
}

interface BatchAnswer {
  accepted: number
  rejected: number
  results: ({ index: number } & (
    { id: string } | { code: string; errors: { path: string; message: string }[] }
  ))[]
}

/** How long the answer to a submission may wait for the job, in s; the longest that the gateway takes. */
const preferredWaitSeconds = 60

const examples = `
Examples:
  noodle submit --wait command -- wc -w README.md
  noodle submit echo '{"hello": "world"}'
  noodle submit sleep '{"ms": 5000}' --requirement medium --priority 9 --label team=vision
  noodle submit --batch jobs.ndjson`

export function addSubmit(program: Command, cli: Cli): void {
  program
    .command('submit')
    .summary('submit a job, or a batch of them')
    .description(
      'Submits a job. For the task command the words after -- are a program and its arguments; other tasks take their payload as JSON, @file, or - for stdin.',
    )
    .argument('[task]', 'what to run, such as command')
    .argument('[words...]', 'the payload')
    .option('--wait', 'wait until it has ended, and show what came out; exit code 1 unless it succeeded')
    .option('--payload <json>', 'the payload: JSON, @file, or - for stdin')
    .addOption(new Option('--requirement <size>', 'how large a node it needs').choices(requirements))
    .option('--cpu <cores>', 'cores it needs', positiveNumber)
    .option('--memory-mb <MiB>', 'memory it needs', wholeNumber)
    .option('--gpu <number>', 'GPUs it needs; below 1 a part of one', positiveNumber)
    .option('--priority <0..9>', '9 runs first; default 5', wholeNumber)
    .option('--delay <duration>', 'not before so long from now, such as 5m', duration)
    .option('--run-at <time>', 'not before this time', timeOrDelay)
    .option('--expires <time>', 'not started by then it expires: a time, or so long from now', timeOrDelay)
    .option('--timeout <duration>', 'how long an attempt may run; default 1h', duration)
    .option('--attempts <number>', 'how many it may take; default 3', wholeNumber)
    .option('--backoff <duration>', 'before the second attempt; default 1s', duration)
    .addOption(new Option('--strategy <name>', 'how the backoff grows').choices(['fixed', 'exponential']))
    .option('--escalate-tier', 'after it ran out of memory, try again on the next larger tier')
    .option('--label <key=value>', 'several times for several', label)
    .option('--cache <duration>', 'an equal job that ended no longer ago may answer, such as 1h', duration)
    .option('--idempotency-key <key>', 'submitting again with the same key gives the first job')
    .option('--batch <file>', 'submit many: a job as JSON in each line; - for stdin')
    .addHelpText('after', examples)
    .action(async (task: string | undefined, words: string[], options: Options) => {
      if (options.batch === undefined) await submitOne(cli, task, words, options)
      else await submitBatch(cli, options.batch, task, options)
    })
}

async function submitOne(
  cli: Cli,
  task: string | undefined,
  words: string[],
  options: Options,
): Promise<void> {
  if (task === undefined) throw new CliError('Say which task to submit, or --batch FILE.', { exitCode: 2 })
  const body = JSON.stringify(toSubmission(task, words, options))
  const api = cli.connect()
  const submitted = await api.call<Job>('POST', '/v1/jobs', {
    body,
    isRepeatable: true,
    timeoutMs: (preferredWaitSeconds + 30) * 1000,
    headers: {
      'Idempotency-Key': options.idempotencyKey ?? randomUUID(),
      ...(options.wait && { Prefer: `wait=${String(preferredWaitSeconds)}` }),
    },
  })
  if (!options.wait) {
    cli.show(submitted, () => [submitted.id])
    if (!cli.isJson()) for (const line of warningLines(submitted)) cli.note(line)
    return
  }
  showOutcome(cli, hasEnded(submitted) ? submitted : await waitFor(cli, api, submitted))
}

async function waitFor(cli: Cli, api: ApiClient, { id, state }: Job): Promise<Job> {
  cli.note(`Job ${id} is ${state}; it goes on if you stop waiting.`)
  const [job] = await waitForJobs(api, [id])
  if (!job) throw new Error('The job that was waited for is missing.')
  return job
}

/** What a command printed goes where it would have gone had it run here. */
function showOutcome(cli: Cli, job: Job): void {
  if (job.state !== 'succeeded') cli.fail()
  const output = job.task === 'command' ? outputOf(job.result) : undefined
  if (cli.isJson() || !output) {
    cli.show(job, () => jobLines(job))
    return
  }
  cli.write(output.stdout)
  process.stderr.write(output.stderr)
  const { state } = job
  const colour = state === 'succeeded' ? 'green' : 'red'
  cli.note(
    coloured(
      colour,
      oneLine(`${job.id} ${state}${job.error ? `, ${job.error.code}: ${job.error.message}` : ''}`),
    ),
  )
}

function outputOf(result: unknown): { stdout: string; stderr: string } | undefined {
  if (typeof result !== 'object' || result === null) return undefined
  const { stdout, stderr } = result as Record<string, unknown>
  return typeof stdout === 'string' && typeof stderr === 'string' ? { stdout, stderr } : undefined
}

async function submitBatch(
  cli: Cli,
  file: string,
  task: string | undefined,
  options: Options,
): Promise<void> {
  const others = Object.keys(options).filter((name) => name !== 'batch')
  if (task !== undefined || others.length > 0) {
    throw new CliError('--batch takes whole jobs from the file; leave the task and the other options out.', {
      exitCode: 2,
    })
  }
  const body = readText(file)
  if (body.trim() === '') throw new CliError(`${file} holds no jobs.`, { exitCode: 2 })
  const answer = await cli.connect().call<BatchAnswer>('POST', '/v1/jobs/batch', {
    body,
    contentType: 'application/x-ndjson',
    timeoutMs: 120_000,
  })
  cli.show(answer, () => answer.results.flatMap((result) => ('id' in result ? [result.id] : [])))
  if (answer.rejected === 0) return
  cli.fail()
  if (cli.isJson()) return
  for (const result of answer.results) {
    if ('errors' in result)
      cli.note(
        `line ${String(result.index + 1)}: ${result.errors.map(({ path, message }) => oneLine(`${path} ${message}`.trim())).join('; ')}`,
      )
  }
  cli.note(`${String(answer.accepted)} accepted, ${String(answer.rejected)} rejected.`)
}
