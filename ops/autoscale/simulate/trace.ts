import { CsvError, parse } from 'csv-parse/sync'
import { didYouMean } from '../../../core/did-you-mean.ts'
import { canonicalTier } from '../../../queue/domain/tiers.ts'
import { toWorkload, type Workload, type WorkloadJob } from './workload.ts'

/** What is wrong with a trace; the message names line and column. */
export class TraceError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'TraceError'
  }
}

const columns = ['at', 'serviceMs', 'tier', 'task', 'slots', 'deadlineMs'] as const
type Column = (typeof columns)[number]
const needed = ['at', 'serviceMs'] as const

/** A workload for each tier of a trace; `''` where it names none. */
export type Trace = Map<string, Workload>

interface Line {
  record: string[]
  info: { lines: number }
}

/**
 * Reads a trace: CSV with a header that names its columns, in any order. `at` is in seconds from the start, or an ISO 8601 time; `serviceMs` how long the job
 * holds its slots; a job may name its `tier`, its `task`, the `slots` that it takes (1), and the `deadlineMs` after its arrival by which it must have started.
 * @throws TraceError naming the first line and column that is wrong
 */
export function readTrace(text: string, slotsPerNode: number): Trace {
  const [header, ...lines] = parseLines(text)
  if (!header) throw new TraceError('The trace is empty; its first line must name the columns: at,serviceMs.')
  const places = placesOf(header.record)
  const jobs = lines.map((line) => ({ ...readLine(line, places, slotsPerNode), line: line.info.lines }))
  if (jobs.length === 0) throw new TraceError('The trace has no jobs: there is no line below the header.')
  const isDated = jobs[0]?.isDated === true
  const odd = jobs.find((job) => job.isDated !== isDated)
  if (odd)
    throw new TraceError(
      `Line ${String(odd.line)}, column at: it is ${isDated ? 'a number' : 'a time'}, and the first job has ${isDated ? 'a time' : 'a number'}; all must have the same.`,
    )
  const begin = isDated ? jobs.reduce((least, { at }) => Math.min(least, at), Infinity) : 0
  const byTier = Map.groupBy(jobs, ({ tier }) => tier)
  return new Map(
    [...byTier].map(([tier, ofTier]) => [
      tier,
      toWorkload(ofTier.map((job) => ({ ...job, at: job.at - begin }))),
    ]),
  )
}

function parseLines(text: string): Line[] {
  try {
    return parse(text, { bom: true, info: true, trim: true, skipEmptyLines: true }) as unknown as Line[]
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    const line = (error as unknown as { lines?: number }).lines
    throw new TraceError(`${line === undefined ? '' : `Line ${String(line)}: `}${error.message}.`)
  }
}

function placesOf(header: readonly string[]): Map<Column, number> {
  const places = new Map<Column, number>()
  header.forEach((name, place) => {
    const column = columns.find((one) => one === name)
    if (!column)
      throw new TraceError(
        `Line 1: there is no column ${name || '(without a name)'}${didYouMean(name, columns)}`,
      )
    if (places.has(column)) throw new TraceError(`Line 1: the column ${name} is there twice.`)
    places.set(column, place)
  })
  const missing = needed.find((column) => !places.has(column))
  if (missing)
    throw new TraceError(`Line 1: the column ${missing} is missing; at and serviceMs must be there.`)
  return places
}

function readLine(
  { record, info }: Line,
  places: ReadonlyMap<Column, number>,
  slotsPerNode: number,
): WorkloadJob & { tier: string; isDated: boolean } {
  const cell = (column: Column): string => record[places.get(column) ?? -1] ?? ''
  const wrong = (column: Column, what: string): TraceError =>
    new TraceError(
      `Line ${String(info.lines)}, column ${column}: ${cell(column) === '' ? 'nothing is there; it' : cell(column)} ${what}.`,
    )
  const amount = (column: Column, least = 0): number => {
    const value = Number(cell(column))
    if (cell(column) === '' || !Number.isFinite(value) || value < least)
      throw wrong(column, `must be a number, ${String(least)} or more`)
    return value
  }
  const isDated = /[^\d.eE+]/.test(cell('at')) && !cell('at').startsWith('-')
  const at = isDated ? Date.parse(cell('at')) / 1000 : amount('at')
  if (Number.isNaN(at))
    throw wrong('at', 'must be seconds from the start, or a time such as 2026-11-23T15:00:00Z')
  const slots = cell('slots') === '' ? 1 : amount('slots', 1)
  if (!Number.isInteger(slots) || slots > slotsPerNode)
    throw wrong('slots', `must be a whole number, at most the ${String(slotsPerNode)} slots of a node`)
  return {
    at,
    isDated,
    serviceSeconds: amount('serviceMs') / 1000,
    tier: canonicalTier(cell('tier')),
    task: cell('task') || 'job',
    slots,
    ...(cell('deadlineMs') !== '' && { deadlineSeconds: amount('deadlineMs') / 1000 }),
  }
}
