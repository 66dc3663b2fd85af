import type { Figures } from './measures.ts'

type Rounds = ReadonlyMap<string, Record<string, Figures[]>>

/** The page of a run: how it was made, the medians, and what the promises of speed are about. */
export function page(
  figures: Rounds,
  run: { rounds: number; backlog: number; machine: string; command: string },
): string {
  return `# Benchmark

<!-- Made by npm run bench -- --report, in bench/. -->

Noodle as it ships beside what one would write instead, all on one Redis and one Postgres, which sync as in production, with the same payload of about
200 bytes, in turns. *naive durable*: Express, jsonwebtoken, an INSERT and a \`queue.add\` a request, a worker that updates its row for each job; *naive*: the same
without Postgres; *bare BullMQ*: \`addBulk\` and a worker; *pg-boss* and *graphile-worker* behind the same Express.
*Express alone* reads the same submissions as JSON and answers each with the bytes of Noodle's answer; it asks nobody who they are and stores nothing, so that
no gateway of one process with Express can take more than it on this machine. A backlog that is worked
off has ${run.backlog.toLocaleString('en')} jobs, that of slow contenders less. Generator, stores and processes share the machine, so figures hold side by side only, and not from one run to another.

${run.machine}. Medians of ${String(run.rounds)} rounds. Again: \`${run.command}\`

${ratios(figures)}

${report(figures)}
`
}

/** What is held against what. Of rates more is better; of waits less. */
const comparisons: { name: string; figure: string; over: string; overFigure?: string; of?: string }[] = [
  { name: 'submissions a second, beside naive durable', figure: 'submitPerSecond', over: 'naive durable' },
  {
    name: 'the most that one process with Express could reach there: Express alone, beside naive durable',
    of: 'Express alone',
    figure: 'submitPerSecond',
    over: 'naive durable',
  },
  { name: 'submissions a second, beside naive', figure: 'submitPerSecond', over: 'naive' },
  {
    name: 'jobs a second in batches, beside the submissions of naive durable',
    figure: 'batchJobsPerSecond',
    over: 'naive durable',
    overFigure: 'submitPerSecond',
  },
  {
    name: 'submissions a second over gRPC, beside those over HTTP',
    figure: 'grpcSubmitPerSecond',
    over: 'Noodle',
    overFigure: 'submitPerSecond',
  },
  {
    name: 'jobs a second over SubmitStream, beside those in batches',
    figure: 'streamJobsPerSecond',
    over: 'Noodle',
    overFigure: 'batchJobsPerSecond',
  },
  { name: 'backlog worked off, beside naive durable', figure: 'drainPerSecond', over: 'naive durable' },
  {
    name: 'backlog worked off, beside bare BullMQ without Postgres',
    figure: 'drainPerSecond',
    over: 'bare BullMQ',
  },
  {
    name: 'the same with one job a delivery',
    of: 'one job a delivery',
    figure: 'drainPerSecond',
    over: 'bare BullMQ',
  },
  {
    name: 'submitted and run at once, beside naive durable',
    figure: 'throughPerSecond',
    over: 'naive durable',
  },
  { name: 'wait from 202 to the start, p50, beside bare BullMQ', figure: 'pickUpP50Ms', over: 'bare BullMQ' },
  { name: 'wait from 202 to the start, p99, beside bare BullMQ', figure: 'pickUpP99Ms', over: 'bare BullMQ' },
  { name: 'the same p99 under load', figure: 'loadedPickUpP99Ms', over: 'bare BullMQ' },
]

/** Ratios are made round by round, so that what slows the machine down for a while slows both down; the middle one and the range are shown. */
function ratios(figures: Rounds): string {
  const valuesOf = (contender: string, figure: string): number[] =>
    Object.values(figures.get(contender) ?? {}).flatMap((rounds) =>
      rounds.flatMap((round) => round[figure] ?? []),
    )
  const rows = comparisons.flatMap(({ name, of = 'Noodle', figure, over, overFigure = figure }) => {
    const others = valuesOf(over, overFigure)
    const found = valuesOf(of, figure)
      .flatMap((value, i) => (others[i] === undefined ? [] : value / others[i]))
      .sort((a, b) => a - b)
    if (found.length === 0) return []
    const [least = NaN, most = NaN] = [found[0], found.at(-1)]
    return [`| ${name} | ${median(found).toFixed(2)} | ${least.toFixed(2)} to ${most.toFixed(2)} |`]
  })
  return ['| Noodle | ratio | over the rounds |', '|---|---:|---:|', ...rows].join('\n')
}

/** A Markdown table: medians over the rounds, a row for each figure, a column for each contender. */
export function report(figures: Rounds): string {
  const names = [...figures.keys()]
  const medians = new Map(names.map((name) => [name, mediansOf(figures.get(name) ?? {})]))
  const rows = [...new Set([...medians.values()].flatMap((one) => Object.keys(one)))]
  return [
    `| | ${names.join(' | ')} |`,
    `|---|${names.map(() => '---:').join('|')}|`,
    ...rows.map((row) => `| ${row} | ${names.map((name) => show(medians.get(name)?.[row])).join(' | ')} |`),
  ].join('\n')
}

function mediansOf(measures: Record<string, Figures[]>): Figures {
  const medians: Figures = {}
  for (const [measure, rounds] of Object.entries(measures)) {
    for (const figure of Object.keys(rounds[0] ?? {})) {
      const values = rounds.flatMap((round) => round[figure] ?? []).sort((a, b) => a - b)
      medians[figure.startsWith('cpu') ? `${measure}_${figure}` : figure] = median(values)
    }
  }
  return medians
}

function median(sorted: readonly number[]): number {
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? NaN)) / 2
}

function show(value: number | undefined): string {
  if (value === undefined) return ''
  return value < 10 ? value.toFixed(2) : Math.round(value).toLocaleString('en')
}
