import type { PackageDefinition } from '@grpc/proto-loader'
import type { Job as JobMessage } from '../../../proto/generated/noodle/v1/Job.ts'
import { messageOf } from '../../../proto/load-protocol.ts'
import {
  makeWireWriter,
  type WireWriter,
  writeBytes,
  writeHead,
  writeItem,
  writeNumber,
  writeText,
  written,
  writtenBytes,
} from '../../../proto/wire-writer.ts'
import type { Job } from '../../../queue/domain/job.ts'
import { isTerminal, type JobState } from '../../../queue/domain/job-state.ts'
import type { ItemResult } from '../../submission/accept-round.ts'
import type { StatusMaker } from '../to-status.ts'

/** What became of a submission. */
export interface SubmitAnswer {
  job: Job
  isNew: boolean
  /** They say what keeps it from running, so they are told of a job that has not ended: an ended one has run. */
  warnings: readonly string[]
  /** The job as it stands, where the client waited for it. */
  shown?: JobMessage
}

/** Makes the bytes of the answers to submissions, without the messages in between that proto-loader takes. */
export interface AnswerWriter {
  /** A `SubmitResponse`. */
  submitted: (answer: SubmitAnswer) => Buffer
  /** A `SubmitStreamResponse`. */
  results: (results: readonly ItemResult[]) => Buffer
}

/** Tags (protobuf.dev/programming-guides/encoding) of jobs.proto: the number of a field times 8, and 2 where a length follows. */
const tags = {
  response: {
    id: 0o12,
    state: 0o20,
    tier: 0o32,
    createdAt: 0o42,
    isNew: 0o50,
    warnings: 0o62,
    job: 0o72,
  },
  time: { seconds: 0o10, nanos: 0o20 },
  streamResponse: { results: 0o12 },
  result: { index: 0o10, job: 0o22, error: 0o32 },
} as const

/** The numbers of types.proto. */
const stateNumbers: Record<JobState, number> = {
  blocked: 1,
  pending: 2,
  queued: 3,
  running: 4,
  succeeded: 5,
  failed: 6,
  cancelled: 7,
  expired: 8,
}

/** Of an answer about a job, and more than most are. */
const bytesPerAnswer = 192

export function makeAnswerWriter(protocol: PackageDefinition, statuses: StatusMaker): AnswerWriter {
  const jobMessage = messageOf(protocol, 'noodle.v1.Job')
  const statusMessage = messageOf(protocol, 'google.rpc.Status')

  function writeResult(writer: WireWriter, result: ItemResult): void {
    const before = writtenBytes(writer)
    if ('job' in result) {
      writeAnswer(writer, result)
      writeHead(writer, tags.result.job, writtenBytes(writer) - before)
    } else writeBytes(writer, tags.result.error, statusMessage.serialize(statuses.toRpcStatus(result.error)))
    writeNumber(writer, tags.result.index, result.index)
    writeHead(writer, tags.streamResponse.results, writtenBytes(writer) - before)
  }

  return {
    submitted(answer) {
      const writer = makeWireWriter(bytesPerAnswer)
      if (answer.shown) writeBytes(writer, tags.response.job, jobMessage.serialize(answer.shown))
      writeAnswer(writer, answer)
      return written(writer)
    },
    results(results) {
      const writer = makeWireWriter(bytesPerAnswer * results.length)
      for (let i = results.length - 1; i >= 0; i--) {
        const result = results[i]
        if (result) writeResult(writer, result)
      }
      return written(writer)
    },
  }
}

function writeAnswer(writer: WireWriter, { job, isNew, warnings }: SubmitAnswer): void {
  if (!isTerminal(job.state))
    for (let i = warnings.length - 1; i >= 0; i--)
      writeItem(writer, tags.response.warnings, warnings[i] ?? '')
  writeNumber(writer, tags.response.isNew, Number(isNew))
  writeTime(writer, tags.response.createdAt, job.createdAt)
  writeText(writer, tags.response.tier, job.tier)
  writeNumber(writer, tags.response.state, stateNumbers[job.state])
  writeText(writer, tags.response.id, job.id)
}

/** A time since 1970. */
function writeTime(writer: WireWriter, tag: number, at: Date): void {
  const before = writtenBytes(writer)
  const ms = at.getTime()
  writeNumber(writer, tags.time.nanos, (ms % 1000) * 1_000_000)
  writeNumber(writer, tags.time.seconds, Math.floor(ms / 1000))
  writeHead(writer, tag, writtenBytes(writer) - before)
}
