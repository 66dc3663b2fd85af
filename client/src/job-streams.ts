import type { JobEvent, JobProgress, LogEvent, LogLine } from './contract.ts'
import { followEvents } from './follow.ts'
import type { Query, Transport } from './transport.ts'
import { hasEnded } from './wait-for-end.ts'

/** What happens to a job: it enters a state, or its task tells how far it is. */
export type JobStreamEvent = ({ type: 'state' } & JobEvent) | ({ type: 'progress' } & JobProgress)

export async function* followJob(
  transport: Transport,
  path: string,
  after: number | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<JobStreamEvent, void, undefined> {
  let toldProgress = ''
  const lastId = after === undefined ? undefined : String(after)
  for await (const { name, data } of followEvents(transport, path, { lastId, signal })) {
    if (name === 'state') {
      const event = JSON.parse(data) as JobEvent
      yield { type: 'state', ...event }
      if (hasEnded(event)) return
    } else if (name === 'progress' && data !== toldProgress) {
      toldProgress = data // a stream that is opened again tells it again
      yield { type: 'progress', ...(JSON.parse(data) as JobProgress) }
    }
  }
}

export async function* followLog(
  transport: Transport,
  path: string,
  options: { query: Query; after: string | undefined; signal: AbortSignal | undefined },
): AsyncGenerator<LogLine, void, undefined> {
  const { query, after, signal } = options
  for await (const { name, data } of followEvents(transport, path, { query, lastId: after, signal })) {
    if (name === 'end') return
    if (name === 'lines') yield* linesOf(JSON.parse(data) as LogEvent)
  }
}

const linesOf = ({ attempt, firstSeq, lines }: LogEvent): LogLine[] =>
  lines.map((line, i) => ({
    id: `${String(attempt)}-${String(firstSeq + i)}`,
    ...line,
    attempt,
    seq: firstSeq + i,
  }))
