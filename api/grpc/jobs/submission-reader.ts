import type { PackageDefinition } from '@grpc/proto-loader'
import type { JobSubmission__Output } from '../../../proto/generated/noodle/v1/JobSubmission.ts'
import { messageOf } from '../../../proto/load-protocol.ts'
import { type Cursor, endOfField, readPiece, readText, readVarint } from '../../../proto/wire-reader.ts'

/** A JobSubmission; its JSON may be a piece of the message. */
export type SubmissionMessage = Omit<JobSubmission__Output, 'payloadJson'> & { payloadJson?: Buffer | Cursor }

/** A SubmitRequest. */
export interface SubmitMessage {
  job: SubmissionMessage | null
  waitSeconds: number
}

/** A SubmitStreamRequest. */
export interface SubmitStreamMessage {
  jobs: SubmissionMessage[]
}

/** Reads messages that submit. Undefined stands for bytes that the general way has to read, or to refuse. */
export interface SubmissionReader {
  request: (bytes: Buffer) => SubmitMessage | undefined
  streamRequest: (bytes: Buffer) => SubmitStreamMessage | undefined
}

/** Tags (protobuf.dev/programming-guides/encoding) of jobs.proto: the number of a field times 8, and 2 where a length follows. */
const tags = {
  request: { job: 0o12, waitSeconds: 0o20 },
  streamRequest: { jobs: 0o12 },
  submission: {
    task: 0o12,
    payloadJson: 0o22,
    requirement: 0o40,
    priority: 0o60,
    delayMs: 0o100,
    timeoutMs: 0o110,
    labels: 0o142,
    idempotencyKey: 0o162,
  },
  label: { key: 0o12, value: 0o22 },
} as const

const requirements = [
  'REQUIREMENT_UNSPECIFIED',
  'REQUIREMENT_LIGHT',
  'REQUIREMENT_MEDIUM',
  'REQUIREMENT_HEAVY',
] as const

const mostInt32 = 0x7fffffff

/**
 * What every submission passes through, so it is read straight into what proto-loader would make of it in two steps. A job with one of the less usual
 * fields is read by proto-loader, and so is a message that is not as clients write them.
 */
export function makeSubmissionReader(protocol: PackageDefinition): SubmissionReader {
  const general = messageOf(protocol, 'noodle.v1.JobSubmission')

  /** @throws Error as proto-loader does */
  function readJob(cursor: Cursor): SubmissionMessage | undefined {
    const end = endOfField(cursor)
    if (end < 0) return undefined
    const from = cursor.at
    cursor.at = end
    return (
      readUsual({ bytes: cursor.bytes, at: from, end }) ??
      (general.deserialize(cursor.bytes.subarray(from, end)) as JobSubmission__Output)
    )
  }

  return {
    request(bytes) {
      const cursor = { bytes, at: 0, end: bytes.length }
      let job: SubmissionMessage | null = null
      let waitSeconds = 0
      while (cursor.at < cursor.end) {
        const tag = readVarint(cursor)
        if (tag === tags.request.job && !job) {
          job = readJob(cursor) ?? null
          if (!job) return undefined
        } else if (tag === tags.request.waitSeconds) {
          waitSeconds = readVarint(cursor)
          if (waitSeconds < 0 || waitSeconds > mostInt32) return undefined
        } else return undefined
      }
      return { job, waitSeconds }
    },
    streamRequest(bytes) {
      const cursor = { bytes, at: 0, end: bytes.length }
      const jobs: SubmissionMessage[] = []
      while (cursor.at < cursor.end) {
        if (readVarint(cursor) !== tags.streamRequest.jobs) return undefined
        const job = readJob(cursor)
        if (!job) return undefined
        jobs.push(job)
      }
      return { jobs }
    },
  }
}

/** Undefined for one with other fields, or with bytes that are none. */
function readUsual(cursor: Cursor): SubmissionMessage | undefined {
  const job: SubmissionMessage = {
    task: '',
    requirement: requirements[0],
    resources: null,
    runAt: null,
    expiresAt: null,
    retry: null,
    labels: {},
    cache: null,
  }
  while (cursor.at < cursor.end) if (!readField(cursor, job)) return undefined
  return job
}

function readField(cursor: Cursor, job: SubmissionMessage): boolean {
  const tag = readVarint(cursor)
  switch (tag) {
    case tags.submission.task:
    case tags.submission.idempotencyKey: {
      const text = readText(cursor)
      if (text === undefined) return false
      job[tag === tags.submission.task ? 'task' : 'idempotencyKey'] = text
      return true
    }
    case tags.submission.payloadJson: {
      const piece = readPiece(cursor)
      if (!piece) return false
      job.payloadJson = piece
      return true
    }
    case tags.submission.requirement: {
      const requirement = requirements[readVarint(cursor)]
      if (!requirement) return false
      job.requirement = requirement
      return true
    }
    case tags.submission.priority: {
      const priority = readVarint(cursor)
      if (priority < 0 || priority > mostInt32) return false
      job.priority = priority
      return true
    }
    case tags.submission.delayMs:
    case tags.submission.timeoutMs: {
      const ms = readVarint(cursor)
      if (ms < 0) return false
      job[tag === tags.submission.delayMs ? 'delayMs' : 'timeoutMs'] = String(ms)
      return true
    }
    case tags.submission.labels:
      return readLabel(cursor, job.labels)
    default:
      return false
  }
}

/** As every client writes it, the key before the value. */
function readLabel(cursor: Cursor, labels: Record<string, string>): boolean {
  const end = endOfField(cursor)
  if (end < 0) return false
  const entry = { bytes: cursor.bytes, at: cursor.at, end }
  if (readVarint(entry) !== tags.label.key) return false
  const key = readText(entry)
  if (readVarint(entry) !== tags.label.value) return false
  const value = readText(entry)
  if (key === undefined || value === undefined || key === '__proto__' || entry.at < end) return false
  labels[key] = value
  cursor.at = end
  return true
}
