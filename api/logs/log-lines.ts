import {
  endOf,
  type LogChunk,
  type LogStream,
  logStreams,
  type PackedLine,
  positionText,
} from '../../queue/domain/log-line.ts'

import type { LogLineView } from '../contract/job-shapes.ts'

/** A line as clients see it. */
const toLine = (attempt: number, seq: number, [atMs, stream, text]: PackedLine): LogLineView => ({
  id: positionText({ attempt, seq }),
  at: isoTime(atMs),
  attempt,
  seq,
  stream: streamName(stream),
  text,
})

export const toLines = (chunk: LogChunk): LogLineView[] =>
  chunk.lines.map((line, i) => toLine(chunk.attempt, chunk.firstSeq + i, line))

/**
 * A server-sent event (WHATWG HTML, 9.2) with consecutive lines, the place of the last as id. Not one for each line: who follows a busy job would get
 * ten thousand a second.
 */
export function toEvent(chunk: LogChunk): Buffer {
  let lines = ''
  for (const [atMs, stream, text] of chunk.lines)
    lines += `${lines === '' ? '' : ','}{"at":"${isoTime(atMs)}","stream":"${streamName(stream)}","text":${JSON.stringify(text)}}`
  const { attempt, firstSeq } = chunk
  return Buffer.from(
    `id: ${positionText(endOf(chunk))}\nevent: lines\ndata: {"attempt":${String(attempt)},"firstSeq":${String(firstSeq)},"lines":[${lines}]}\n\n`,
  )
}

const streamName = (place: number): LogStream => logStreams[place] ?? 'log'

let lastTime = { atMs: NaN, text: '' }

/** Lines that came together have one time. */
function isoTime(atMs: number): string {
  if (atMs !== lastTime.atMs) lastTime = { atMs, text: new Date(atMs).toISOString() }
  return lastTime.text
}
