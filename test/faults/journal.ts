import { createWriteStream, type WriteStream } from 'node:fs'
import type { JobKind } from './job-kinds.ts'

/** A job that was acknowledged. */
export interface AcceptedJob {
  id: string
  kind: JobKind
  request: string
  key: string | null
  cycle: number
  acceptedAtMs: number
}

/**
 * What the platform has promised to the driver: the campaign's own record, which no fault reaches. Each answer is also a line of a file, for whoever
 * looks into a violation later.
 */
export interface Journal {
  accepted: ReadonlyMap<string, AcceptedJob>
  /** All job ids that the answers to a key named. */
  answersByKey: ReadonlyMap<string, ReadonlySet<string>>
  /** Requests without a key whose answer was lost: their jobs may or may not exist. */
  unanswered: ReadonlySet<string>
  /** Answers of the kind that must never be given, and observations that must never be made; as sentences. */
  offences: readonly string[]
  /** Ids that a cancel call has answered as cancelled. */
  cancelled: ReadonlySet<string>
  answers: ReadonlyMap<string, number>
  accept(job: AcceptedJob): void
  loseAnswer(request: string): void
  confirmCancelled(id: string): void
  count(answer: string): void
  offend(sentence: string): void
  close(): Promise<void>
}

export function openJournal(file: string): Journal {
  const stream: WriteStream = createWriteStream(file, { flags: 'a' })
  const accepted = new Map<string, AcceptedJob>()
  const answersByKey = new Map<string, Set<string>>()
  const unanswered = new Set<string>()
  const offences: string[] = []
  const cancelled = new Set<string>()
  const answers = new Map<string, number>()
  const note = (what: string, fields: object): void => {
    stream.write(`${JSON.stringify({ at: Date.now(), what, ...fields })}\n`)
  }

  return {
    accepted,
    answersByKey,
    unanswered,
    offences,
    cancelled,
    answers,
    accept(job) {
      note('accepted', job)
      if (!accepted.has(job.id)) accepted.set(job.id, job)
      if (job.key === null) return
      const ids = answersByKey.get(job.key) ?? new Set()
      answersByKey.set(job.key, ids.add(job.id))
    },
    loseAnswer(request) {
      note('answer lost', { request })
      unanswered.add(request)
    },
    confirmCancelled(id) {
      note('cancelled', { id })
      cancelled.add(id)
    },
    count(answer) {
      answers.set(answer, (answers.get(answer) ?? 0) + 1)
    },
    offend(sentence) {
      note('offence', { sentence })
      offences.push(sentence)
    },
    close: () => new Promise((resolve) => stream.end(resolve)),
  }
}
