/** Where a line of a job's log came from: what a program printed, what a task told by its log, or what Noodle itself has to say about the log. */
export const logStreams = ['stdout', 'stderr', 'log', 'noodle'] as const
export type LogStream = (typeof logStreams)[number]

/** A line as it is kept and sent: when it came, by the clock of its node, in ms since 1970; its stream as a place in `logStreams`; its text without line end. */
export type PackedLine = [atMs: number, stream: number, text: string]

/** Consecutive lines of an attempt; the first has the number `firstSeq`. */
export interface LogChunk {
  attempt: number
  firstSeq: number
  lines: PackedLine[]
}

/** A line's place in the log of its job. Lines are numbered within their attempt, from 1, without gaps. */
export interface LogPosition {
  attempt: number
  seq: number
}

/** Before the first line. */
export const logStart: LogPosition = { attempt: 0, seq: 0 }

export const lastSeqOf = (chunk: LogChunk): number => chunk.firstSeq + chunk.lines.length - 1

export const endOf = (chunk: LogChunk): LogPosition => ({ attempt: chunk.attempt, seq: lastSeqOf(chunk) })

/** Negative when `a` comes before `b`. */
export const comparePositions = (a: LogPosition, b: LogPosition): number =>
  a.attempt - b.attempt || a.seq - b.seq

/** As clients see it, and as Redis' streams name their entries. */
export const positionText = ({ attempt, seq }: LogPosition): string => `${String(attempt)}-${String(seq)}`

/** Undefined for a text that is no position. */
export function parsePosition(text: string): LogPosition | undefined {
  const [, attempt, seq] = /^(\d{1,9})-(\d{1,10})$/.exec(text) ?? []
  return attempt === undefined ? undefined : { attempt: Number(attempt), seq: Number(seq) }
}

/** Chunks in the order of their ends, without what lies up to `after` or comes twice. */
export function chunksAfter(after: LogPosition, chunks: readonly LogChunk[]): LogChunk[] {
  const rest: LogChunk[] = []
  let at = after
  for (const chunk of chunks) {
    if (comparePositions(endOf(chunk), at) <= 0) continue
    const known = chunk.attempt === at.attempt ? Math.max(0, at.seq - chunk.firstSeq + 1) : 0
    rest.push(
      known === 0 ? chunk : { ...chunk, firstSeq: chunk.firstSeq + known, lines: chunk.lines.slice(known) },
    )
    at = endOf(chunk)
  }
  return rest
}
