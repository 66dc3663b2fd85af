import type { Command } from 'commander'
import type { LogEvent, LogLine } from '../../../client/src/contract.ts'
import type { Cli } from '../cli.ts'
import { CliError } from '../cli-error.ts'
import { coloured } from '../text.ts'

interface Options {
  follow?: boolean
  tail?: string
  attempt?: string
  times?: boolean
}

/** Through which a gateway that restarts is waited for. */
const triesInARow = 30

export function addLogs(program: Command, cli: Cli): void {
  program
    .command('logs')
    .summary('show what a job printed')
    .description(
      "Shows a job's log: what came from stdout on stdout, all else on stderr. With --json one JSON object a line, all on stdout.",
    )
    .argument('<id>', 'of the job')
    .option('-f, --follow', 'go on until the job has ended')
    .option('--tail <lines>', 'begin so many lines before the end')
    .option('--attempt <number>', 'only of this attempt')
    .option('--times', 'with the time of each line')
    .action(async (id: string, options: Options) => {
      const api = cli.connect()
      const path = `/v1/jobs/${encodeURIComponent(id)}/logs`
      const query = { tail: options.tail, attempt: options.attempt }
      const show = (line: LogLine): void => {
        showLine(cli, line, options.times === true)
      }
      if (options.follow) {
        await follow(cli, path, query, show)
        return
      }
      let cursor: string | undefined
      do {
        const page = await api.call<{ items: LogLine[]; nextCursor: string | null }>('GET', path, {
          query: { ...query, ...(cursor !== undefined && { cursor, tail: undefined }), limit: 200 },
        })
        page.items.forEach(show)
        cursor = page.nextCursor ?? undefined
      } while (cursor !== undefined)
    })
}

async function follow(
  cli: Cli,
  path: string,
  query: { tail: string | undefined; attempt: string | undefined },
  show: (line: LogLine) => void,
): Promise<void> {
  const api = cli.connect()
  let lastId: string | undefined
  for (let tries = 0; tries < triesInARow; tries++) {
    try {
      for await (const event of api.events(path, { query, ...(lastId !== undefined && { lastId }) })) {
        tries = 0
        if (event.name === 'end') return
        if (event.name !== 'lines') continue
        linesOf(JSON.parse(event.data) as LogEvent).forEach(show)
        lastId = event.id
      }
    } catch (error) {
      if (!(error instanceof CliError && error.isPassing) || tries === triesInARow - 1) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 1000)) // the stream broke: it goes on after the last line
  }
  throw new CliError('The gateway ends the stream again and again before the job has ended.')
}

const linesOf = ({ attempt, firstSeq, lines }: LogEvent): LogLine[] =>
  lines.map((line, i) => ({
    id: `${String(attempt)}-${String(firstSeq + i)}`,
    ...line,
    attempt,
    seq: firstSeq + i,
  }))

function showLine(cli: Cli, line: LogLine, hasTime: boolean): void {
  if (cli.isJson()) {
    cli.write(`${JSON.stringify(line)}\n`)
    return
  }
  const words = process.stdout.isTTY ? line.text.replace(/[^\P{Cc}\t]/gu, '\ufffd') : line.text // it may be another user's
  const text = `${hasTime ? `${line.at} ` : ''}${line.stream === 'noodle' ? coloured('yellow', words) : words}`
  if (line.stream === 'stdout') cli.write(`${text}\n`)
  else cli.note(text)
}
