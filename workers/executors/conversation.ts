import { setImmediate as turn } from 'node:timers/promises'
import type { Json } from '../../queue/domain/job.ts'
import { stopOf } from '../../queue/intake/stop.ts'
import { PermanentFailure, type TaskContext, TaskFailure } from '../task.ts'
import { makeLines } from './lines.ts'
import type { Channel } from './process-groups.ts'
import { type FromTask, readMessage, type StartMessage, type ToTask } from './protocol.ts'

/** How a run ended in its own words; null when its process ended before it told. */
export type LastWord = { result: Json } | { failure: TaskFailure } | null

export interface ConversationOptions {
  /** Longest line that is read. */
  lineBytes: number
  /** A task that tells nothing for so long has failed; null for no such limit. */
  silenceMs: number | null
}

/** Lines that make no sense are told up to here. */
const mostWrongLines = 20

/** How much of a line that makes no sense is shown. */
const shownChars = 200

/**
 * One run over the channel of its task's process: tells it to start, hears it, passes on that it is to stop. Resolves with its last word.
 * The listeners are gone then, so that another run may follow over the same channel.
 */
export async function converse(
  channel: Channel,
  start: StartMessage,
  context: Pick<TaskContext, 'signal' | 'log' | 'progress' | 'checkpoint' | 'redact'>,
  { lineBytes, silenceMs }: ConversationOptions,
): Promise<LastWord> {
  const { fromProgram, toProgram } = channel
  const { signal, log } = context
  let wrongLines = 0
  let silence: NodeJS.Timeout | undefined
  let settle: (word: LastWord) => void = () => undefined
  const lastWord = new Promise<LastWord>((resolve) => (settle = resolve))

  const tell = (message: ToTask): void => {
    if (toProgram.writable) toProgram.write(`${JSON.stringify(message)}\n`)
  }
  const fail = (failure: TaskFailure): void => settle({ failure })

  function hear(line: string, isCut: boolean): void {
    silence?.refresh()
    if (isCut) {
      if (/^\s*\{\s*"type"\s*:\s*"result"/.test(line.slice(0, 100)))
        fail(
          new PermanentFailure(
            'RESULT_TOO_LARGE',
            `The result is longer than a line of ${String(lineBytes)} bytes.`,
          ),
        )
      else wrong(line, `is longer than ${String(lineBytes)} bytes`)
      return
    }
    const message = readMessage(line)
    if (message.type === 'wrong') wrong(line, message.why)
    else act(message)
  }

  function act(message: FromTask): void {
    switch (message.type) {
      case 'progress':
        context.progress(message.percent, message.note)
        break
      case 'log':
        log.tell(message.level === 'info' ? message.message : `${message.level}: ${message.message}`)
        break
      case 'checkpoint':
        void context.checkpoint((message.value ?? null) as Json).then((isStored) => {
          tell({ type: isStored ? 'stored' : 'refused', seq: message.seq })
        })
        break
      case 'result':
        settle({ result: (message.value ?? null) as Json })
        break
      case 'error':
        fail(
          message.permanent
            ? new PermanentFailure(message.code ?? 'TASK_ERROR', message.message)
            : new TaskFailure(message.code ?? 'TASK_ERROR', message.message),
        )
        break
      case 'heartbeat':
      case 'task': // told to whoever asks for it
        break
    }
  }

  function wrong(line: string, why: string): void {
    if (++wrongLines > mostWrongLines) return
    const text = context.redact(line)
    const shown = text.length > shownChars ? `${text.slice(0, shownChars)}…` : text
    log.tell(`A line of the task makes no sense and is left out, for it ${why}: ${shown}`)
    if (wrongLines === mostWrongLines) log.tell('More such lines are not told.')
  }

  const lines = makeLines(lineBytes, hear)
  const onData = (chunk: Buffer): void => lines.push(chunk)
  const onEnd = (): void => {
    lines.end() // a last line without its end may hold the result
    settle(null)
  }
  const onAbort = (): void => {
    const { reason, killGraceMs } = stopOf(signal)
    tell({ type: 'cancel', reason, graceMs: killGraceMs })
  }
  if (silenceMs !== null)
    silence = setTimeout(
      () => fail(new TaskFailure('SILENT', `The task told nothing for ${String(silenceMs)} ms.`)),
      silenceMs,
    )
  fromProgram.on('data', onData).once('end', onEnd).once('close', onEnd)
  signal.addEventListener('abort', onAbort)
  tell(start)
  if (signal.aborted) onAbort()
  if (fromProgram.readableEnded || fromProgram.destroyed) onEnd()
  try {
    const word = await lastWord
    await turn() // what it printed before its last word may be a moment behind, in another pipe
    return word
  } finally {
    clearTimeout(silence)
    fromProgram.off('data', onData).off('end', onEnd).off('close', onEnd)
    signal.removeEventListener('abort', onAbort)
  }
}
