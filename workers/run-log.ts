import { StringDecoder } from 'node:string_decoder'
import { type LogStream, logStreams, type PackedLine } from '../queue/domain/log-line.ts'
import type { LogSink } from './task.ts'

/** Where a run's lines wait to be kept. */
export interface LineQueue {
  /** False when there is no room now. */
  push(line: PackedLine, bytes: number): boolean
}

/** A run's output on its way: cut into lines, within its limit, and with a word about what is left out. */
export interface RunLog extends LogSink {
  /** The last piece has come: an unfinished line counts as one, and what was left out is told. */
  finish(): void
}

/** A longer line is cut into several. */
const lineChars = 16_384

/** What a line costs besides its text. */
const lineOverheadBytes = 16

/** `onLeftOut` hears of each line that is not kept. */
export function makeRunLog(
  queue: LineQueue,
  options: {
    /** Of text, with a little for each line. */
    limitBytes: number
    onLeftOut: (reason: 'limit' | 'overload') => void
    nowMs?: () => number
  },
): RunLog {
  const { limitBytes, onLeftOut, nowMs = Date.now } = options
  const places = Object.fromEntries(logStreams.map((stream, i) => [stream, i])) as Record<LogStream, number>
  const pipes = { stdout: makeLineCutter(), stderr: makeLineCutter() }
  const pastLimit = { lines: 0, bytes: 0 }
  const overloaded = { lines: 0, bytes: 0 }
  let usedBytes = 0

  function add(stream: LogStream, text: string): void {
    const bytes = Buffer.byteLength(text) + lineOverheadBytes
    if (pastLimit.lines > 0 || usedBytes + bytes > limitBytes) {
      if (pastLimit.lines === 0)
        remark(`The log ends here: LOG_LIMIT_BYTES allows ${String(limitBytes)} bytes an attempt.`)
      leaveOut(pastLimit, bytes, 'limit')
      return
    }
    if (overloaded.lines > 0 && !tellOverload()) {
      leaveOut(overloaded, bytes, 'overload')
      return
    }
    if (queue.push([nowMs(), places[stream], text], bytes)) usedBytes += bytes
    else leaveOut(overloaded, bytes, 'overload')
  }

  function leaveOut(count: typeof pastLimit, bytes: number, reason: 'limit' | 'overload'): void {
    count.lines++
    count.bytes += bytes - lineOverheadBytes
    onLeftOut(reason)
  }

  function remark(text: string): boolean {
    return queue.push([nowMs(), places.noodle, text], text.length + lineOverheadBytes)
  }

  function tellOverload(): boolean {
    const isTold = remark(`${told(overloaded)} came faster than they could be stored, and are left out here.`)
    if (isTold) overloaded.lines = overloaded.bytes = 0
    return isTold
  }

  return {
    write(stream, piece) {
      for (const text of pipes[stream].cut(piece)) add(stream, text)
    },
    tell(text) {
      for (const line of text.split(/\r?\n/)) for (const part of parts(line)) add('log', part)
    },
    finish() {
      for (const stream of ['stdout', 'stderr'] as const)
        for (const text of pipes[stream].rest()) add(stream, text)
      if (overloaded.lines > 0) tellOverload()
      if (pastLimit.lines > 0) remark(`${told(pastLimit)} more are left out.`)
    },
  }
}

const told = ({ lines, bytes }: { lines: number; bytes: number }): string =>
  `${String(lines)} lines with ${String(bytes)} bytes`

function makeLineCutter() {
  const decoder = new StringDecoder('utf8')
  let open = ''

  function* lines(text: string): Generator<string> {
    let from = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      const line = open + text.slice(from, end)
      open = ''
      yield* parts(line.endsWith('\r') ? line.slice(0, -1) : line)
      from = end + 1
    }
    open += text.slice(from)
    while (open.length > lineChars) {
      yield open.slice(0, lineChars)
      open = open.slice(lineChars)
    }
  }

  return {
    cut: (piece: Buffer) => lines(decoder.write(piece)),
    *rest(): Generator<string> {
      yield* lines(decoder.end())
      if (open !== '') yield* parts(open)
      open = ''
    },
  }
}

/** As few as there can be; at least one. */
function* parts(line: string): Generator<string> {
  for (let from = 0; from === 0 || from < line.length; from += lineChars)
    yield line.slice(from, from + lineChars)
}
