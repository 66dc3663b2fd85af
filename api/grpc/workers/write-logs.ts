import type { WriteLogsRequest__Output } from '../../../proto/generated/noodle/v1/WriteLogsRequest.ts'
import { QueueError } from '../../../queue/domain/errors.ts'
import { type LogChunk, logStreams, type PackedLine } from '../../../queue/domain/log-line.ts'
import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'
import type { RunAccess } from './run-access.ts'
import type { RunLimits } from './run-limits.ts'
import { storable } from './run-messages.ts'

const lineChars = 16_384
/** What a line costs besides its text, as the nodes count it. */
const lineOverheadBytes = 16
const mostSeq = 2_147_483_647

/** Lines of a node's runs, for those who follow, or to be kept. Answers for each chunk whether it was taken; what is more than a run may log is not. */
export async function writeLogs(
  deps: Pick<QueueDeps, 'keptLogs' | 'liveLogs'>,
  { access, limits }: { access: RunAccess; limits: RunLimits },
  request: WriteLogsRequest__Output,
): Promise<boolean[]> {
  const { bootId } = request
  const chunks = request.logs.map((log) => ({ jobId: log.jobId, chunk: readChunk(log) }))
  const ends = request.forget.map((one) => ({ jobId: one.jobId, attempt: one.attempt, seqs: one.seqs }))
  const [started, forgettable] = await Promise.all([
    access.haveStarted(
      bootId,
      chunks.map(({ jobId, chunk }) => ({ jobId, attempt: chunk.attempt })),
    ),
    access.haveStarted(bootId, ends),
  ])
  const ours = chunks.map(
    ({ jobId, chunk }, i) => started[i] && limits.mayLog({ jobId, attempt: chunk.attempt }),
  )
  const taken = chunks.filter((_, i) => ours[i])
  let answers = taken.map(() => true)
  if (taken.length > 0 && request.liveOnly) answers = await deps.liveLogs.append(taken)
  else if (taken.length > 0) {
    const sized = taken.map((one) => ({ ...one, textBytes: textBytesOf(one.chunk) }))
    await deps.keptLogs.insert(sized)
    for (const { jobId, chunk, textBytes } of sized)
      limits.countLog({ jobId, attempt: chunk.attempt }, textBytes)
  }
  const forgotten = ends.filter((_, i) => forgettable[i])
  if (forgotten.length > 0)
    await deps.liveLogs.forget(
      forgotten.map(({ jobId, attempt, seqs }) => ({ jobId, ends: seqs.map((seq) => ({ attempt, seq })) })),
    )
  return ours.map((isOurs) => isOurs === true && (answers.shift() ?? false))
}

function readChunk(log: WriteLogsRequest__Output['logs'][number]): LogChunk {
  const { attempt, firstSeq: firstSeq, lines } = log
  if (attempt < 1 || firstSeq < 1 || firstSeq + lines.length > mostSeq)
    throw new QueueError('INVALID_REQUEST', 'Attempts and lines are numbered from 1.', {
      fields: [{ path: 'logs', message: 'attempt and firstSeq must be 1 or more' }],
    })
  return {
    attempt,
    firstSeq,
    lines: lines.map(({ atMs: atMs, stream, text }): PackedLine => {
      const place = (logStreams as readonly string[]).indexOf(
        stream.slice('LOG_STREAM_'.length).toLowerCase(),
      )
      return [Number(atMs), Math.max(0, place), storable(text, lineChars)]
    }),
  }
}

const textBytesOf = (chunk: LogChunk): number =>
  chunk.lines.reduce((sum, [, , text]) => sum + Buffer.byteLength(text) + lineOverheadBytes, 0)
