import {
  chunksAfter,
  comparePositions,
  lastSeqOf,
  type LogChunk,
  type LogPosition,
  logStart,
} from '../domain/log-line.ts'
import type { QueueDeps } from './queue-deps.ts'

type LogDeps = Pick<QueueDeps, 'keptLogs' | 'liveLogs'>

/** All attempts when null. */
type Attempt = number | null

/** The next lines of a job's log after a position, about half a MiB at most; none when there are none now. */
export async function readLogs(
  deps: LogDeps,
  jobId: string,
  after: LogPosition,
  attempt: Attempt = null,
): Promise<LogChunk[]> {
  const isWanted = (chunk: LogChunk): boolean => attempt === null || chunk.attempt === attempt
  // In this order: what leaves Redis between the two is in Postgres by then.
  const live = await deps.liveLogs.read(jobId, from(after, attempt))
  const kept = await deps.keptLogs.read(jobId, after, attempt)
  return chunksAfter(after, kept.isMore ? kept.chunks : [...kept.chunks, ...live.filter(isWanted)])
}

/** The position before the last `lines` lines of what is there now. */
export async function findLogTail(
  deps: LogDeps,
  jobId: string,
  lines: number,
  attempt: Attempt = null,
): Promise<LogPosition> {
  const live = await deps.liveLogs.read(jobId, from(logStart, attempt))
  const ranges = live
    .filter((chunk) => attempt === null || chunk.attempt === attempt)
    .map((chunk) => ({ attempt: chunk.attempt, firstSeq: chunk.firstSeq, lastSeq: lastSeqOf(chunk) }))
  ranges.push(...(await deps.keptLogs.findLast(jobId, lines, attempt)))
  ranges.sort((a, b) => b.attempt - a.attempt || b.lastSeq - a.lastSeq)
  let missing = lines
  let lowest = { attempt: Infinity, seq: Infinity }
  for (const range of ranges) {
    const last = range.attempt === lowest.attempt ? Math.min(range.lastSeq, lowest.seq - 1) : range.lastSeq
    const count = last - range.firstSeq + 1
    if (count <= 0) continue
    if (count >= missing) return { attempt: range.attempt, seq: last - missing }
    missing -= count
    lowest = { attempt: range.attempt, seq: range.firstSeq }
  }
  return logStart
}

/** Where to begin to read, when only one attempt is wanted. */
function from(after: LogPosition, attempt: Attempt): LogPosition {
  const begin = { attempt: attempt ?? 0, seq: 0 }
  return comparePositions(after, begin) > 0 ? after : begin
}
