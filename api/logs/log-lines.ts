import { type LogChunk, logStreams, type PackedLine, positionText } from '../../queue/domain/log-line.ts'

import type { LogLineView } from '../contract/job-shapes.ts'

/** A line as clients see it. */
const toLine = (attempt: number, seq: number, [atMs, stream, text]: PackedLine): LogLineView => ({
  id: positionText({ attempt, seq }),
  at: new Date(atMs).toISOString(),
  attempt,
  seq,
  stream: logStreams[stream] ?? 'log',
  text,
})

export const toLines = (chunk: LogChunk): LogLineView[] =>
  chunk.lines.map((line, i) => toLine(chunk.attempt, chunk.firstSeq + i, line))

/** Server-sent events (WHATWG HTML, 9.2): one per line, its place as id. */
export function toEventStream(chunk: LogChunk): Buffer {
  let text = ''
  for (const line of toLines(chunk)) text += `id: ${line.id}\nevent: line\ndata: ${JSON.stringify(line)}\n\n`
  return Buffer.from(text)
}
