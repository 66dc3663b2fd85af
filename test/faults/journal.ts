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

/** An answer of the kind that must never be given, or an observation that must never be made. */
export interface Offence {
  invariant: string
  what: string
  /** The job that it was seen of. */
  jobId: string | null
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
  offences: readonly Offence[]
  /** Ids that a cancel call has answered as cancelled. */
  cancelled: ReadonlySet<string>
  answers: ReadonlyMap<string, number>
  /** When each 202 came, by Date.now(). */
  acceptedAt: readonly number[]
  /** Jobs that a promoted standby never heard of: the operator has chosen to lose them. */
  lost: ReadonlySet<string>
  /** Jobs that a promoted standby has an older state of: what was seen of them since may be undone. */
  setBack: ReadonlySet<string>
  accept(job: AcceptedJob): void
  loseAnswer(request: string): void
  confirmCancelled(id: string): void
  count(answer: string): void
  offend(invariant: string, what: string, jobId?: string): void
  /** Notes, by id, what a promoted standby lacks. */
  forgive(lacking: { lost: readonly string[]; setBack: readonly string[] }): void
  close(): Promise<void>
}

export function openJournal(file: string): Journal {
  const stream: WriteStream = createWriteStream(file, { flags: 'a' })
  const accepted = new Map<string, AcceptedJob>()
  const answersByKey = new Map<string, Set<string>>()
  const unanswered = new Set<string>()
  const offences: Offence[] = []
  const acceptedAt: number[] = []
  const lost = new Set<string>()
  const setBack = new Set<string>()
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
    acceptedAt,
    lost,
    setBack,
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
      if (answer === '202') acceptedAt.push(Date.now())
    },
    offend(invariant, what, jobId) {
      const offence = { invariant, what, jobId: jobId ?? null }
      note('offence', offence)
      offences.push(offence)
    },
    forgive(lacking) {
      note('forgiven', lacking)
      for (const id of lacking.lost) lost.add(id)
      for (const id of lacking.setBack) setBack.add(id)
    },
    close: () => new Promise((resolve) => stream.end(resolve)),
  }
}
