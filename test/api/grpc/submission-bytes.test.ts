import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { makeAnswerWriter, type SubmitAnswer } from '../../../api/grpc/jobs/answer-writer.ts'
import { makeSubmissionReader } from '../../../api/grpc/jobs/submission-reader.ts'
import { makeStatuses } from '../../../api/grpc/to-status.ts'
import { loadProtocol, messageOf } from '../../../proto/load-protocol.ts'
import { QueueError } from '../../../queue/domain/errors.ts'
import type { Job } from '../../../queue/domain/job.ts'
import { jobStates } from '../../../queue/domain/job-state.ts'

/* What Noodle reads and writes by itself is what proto-loader, by the .proto files, makes of the same. */

const protocol = loadProtocol()
const reader = makeSubmissionReader(protocol)
const statuses = makeStatuses(protocol)
const answers = makeAnswerWriter(protocol, statuses)
const general = {
  request: messageOf(protocol, 'noodle.v1.SubmitRequest'),
  streamRequest: messageOf(protocol, 'noodle.v1.SubmitStreamRequest'),
  response: messageOf(protocol, 'noodle.v1.SubmitResponse'),
  streamResponse: messageOf(protocol, 'noodle.v1.SubmitStreamResponse'),
}

const text = fc.oneof(
  fc.string({ unit: 'binary' }).filter((one) => one.isWellFormed()),
  fc.string({ unit: fc.constantFrom('a', '~', '\u0080', '\u00ff') }),
)
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const time = fc.record({ seconds: int64, nanos: int32 })

/** What can be no own name of an object that is written as usual is left to proto-loader. */
const labelName = text.filter((name) => name !== '__proto__')

const usual = {
  task: text,
  payloadJson: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  requirement: fc.constantFrom('REQUIREMENT_LIGHT', 'REQUIREMENT_HEAVY', 'REQUIREMENT_UNSPECIFIED'),
  priority: fc.integer({ min: 0, max: 9 }),
  delayMs: fc.nat().map(String),
  timeoutMs: fc.integer({ min: 1, max: 2 ** 45 }).map(String),
  labels: fc.dictionary(labelName, text),
  idempotencyKey: text,
}
const usualJob = fc.record(usual, { requiredKeys: [] })
const anyJob = fc.record(
  {
    ...usual,
    requirement: fc.oneof(usual.requirement, fc.integer({ min: 4, max: 100 })),
    priority: int32,
    delayMs: int64,
    timeoutMs: int64,
    payload: fc.constant({ stringValue: 'a value' }),
    resources: fc.record({ cpu: fc.double({ noNaN: true }), memoryMb: int64 }, { requiredKeys: [] }),
    runAt: time,
    expiresAt: time,
    retry: fc.record({ maxAttempts: int32, strategy: fc.constantFrom(0, 1, 2, 9) }, { requiredKeys: [] }),
    cache: fc.record({ ttlSeconds: int64 }),
  },
  { requiredKeys: [] },
)

test('jobs of a stream are read as proto-loader reads them, whichever fields they have', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(usualJob, anyJob), { maxLength: 4 }), (jobs) => {
      const bytes = Buffer.from(general.streamRequest.serialize({ jobs }))
      expect(plain(reader.streamRequest(bytes))).toEqual(plain(general.streamRequest.deserialize(bytes)))
    }),
    { numRuns: 400 },
  )
})

test('a job with usual fields is read without proto-loader', () => {
  const alone = makeSubmissionReader({
    ...protocol,
    'noodle.v1.JobSubmission': {
      ...messageOf(protocol, 'noodle.v1.JobSubmission'),
      deserialize: () => {
        throw new Error('proto-loader was asked')
      },
    },
  })
  fc.assert(
    fc.property(usualJob, fc.integer({ min: 0, max: 60 }), (job, waitSeconds) => {
      const bytes = Buffer.from(general.request.serialize({ job, waitSeconds }))
      expect(plain(alone.request(bytes))).toEqual(plain(general.request.deserialize(bytes)))
    }),
    { numRuns: 400 },
  )
})

test('bytes that no client would write are read as proto-loader reads them, or left to it', () => {
  const change = fc.record({ at: fc.nat(), byte: fc.nat(255), isCut: fc.boolean() })
  fc.assert(
    fc.property(usualJob, fc.array(change, { maxLength: 3 }), (job, changes) => {
      let bytes = Buffer.from(general.request.serialize({ job }))
      for (const { at, byte, isCut } of changes) {
        if (bytes.length === 0) return
        if (isCut) bytes = bytes.subarray(0, at % bytes.length)
        else bytes[at % bytes.length] = byte
      }
      const [read, expected] = [
        outcome(() => reader.request(bytes)),
        outcome(() => general.request.deserialize(bytes)),
      ]
      if (read !== undefined && read !== 'refused') expect(plain(read)).toEqual(plain(expected))
    }),
    { numRuns: 1000 },
  )
})

test.each([
  ['a field of a later version', Buffer.from([0x0a, 0x06, 0x0a, 0x01, 0x61, 0xf8, 0x07, 0x01])],
  [
    'a text in two pieces, of which the later counts',
    Buffer.from([0x0a, 0x06, 0x0a, 0x01, 0x61, 0x0a, 0x01, 0x62]),
  ],
  ['a task that is not UTF-8', Buffer.from([0x0a, 0x04, 0x0a, 0x02, 0xff, 0x61])],
  [
    'a label whose value comes first',
    Buffer.from([0x0a, 0x08, 0x62, 0x06, 0x12, 0x01, 0x62, 0x0a, 0x01, 0x61]),
  ],
  [
    'a label that is called __proto__',
    general.streamRequest.serialize({ jobs: [{ labels: { ['__proto__']: 'x' } }] }),
  ],
])('%s is read as proto-loader reads it', (_, given) => {
  const bytes = Buffer.from(given)
  expect(plain(reader.streamRequest(bytes))).toEqual(plain(general.streamRequest.deserialize(bytes)))
})

const job = (changes: Partial<Job>): Job =>
  ({ id: '', tier: '', state: 'pending', createdAt: new Date(0), ...changes }) as Job

const answer = fc.record({
  job: fc
    .record({
      id: fc.oneof(fc.uuid(), text),
      tier: fc.oneof(fc.constant('small'), text),
      state: fc.constantFrom(...jobStates),
      createdAt: fc.date({
        min: new Date(0),
        max: new Date('9999-12-31T23:59:59.999Z'),
        noInvalidDate: true,
      }),
    })
    .map(job),
  isNew: fc.boolean(),
  warnings: fc.array(fc.oneof(text, fc.string({ minLength: 90, maxLength: 300 })), { maxLength: 3 }),
})

const isEnded = ['succeeded', 'failed', 'cancelled', 'expired']

const asMessage = ({ job: { id, tier, state, createdAt }, isNew, warnings }: SubmitAnswer) => ({
  ...{ id, tier, isNew, job: null },
  state: `JOB_STATE_${state.toUpperCase()}`,
  createdAt: {
    seconds: String(Math.floor(createdAt.getTime() / 1000)),
    nanos: (createdAt.getTime() % 1000) * 1_000_000,
  },
  warnings: isEnded.includes(state) ? [] : warnings,
})

test('answers are read by clients as they were meant', () => {
  fc.assert(
    fc.property(answer, (one) => {
      expect(general.response.deserialize(answers.submitted(one))).toEqual(asMessage(one))
    }),
    { numRuns: 400 },
  )
})

test('answers of a stream are read by clients as they were meant, stored ones and refused ones', () => {
  const index = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 2 ** 40 }))
  const error = fc.string().map((message) => new QueueError('TASK_UNKNOWN', message))
  const result = fc.oneof(
    fc.tuple(index, answer).map(([at, one]) => ({ index: at, ...one })),
    fc.record({ index, error }),
  )
  fc.assert(
    fc.property(fc.array(result, { maxLength: 5 }), (results) => {
      const expected = results.map((one) =>
        'error' in one
          ? { index: String(one.index), error: { code: 3, message: one.error.message }, outcome: 'error' }
          : { index: String(one.index), job: asMessage(one), outcome: 'job' },
      )
      expect(general.streamResponse.deserialize(answers.results(results))).toMatchObject({
        results: expected,
      })
    }),
    { numRuns: 400 },
  )
})

/** Without the names that proto-loader gives to what stands alone, and with JSON as bytes. */
function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('hex')
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(plain)
  if ('bytes' in value && 'end' in value) {
    const { bytes, at, end } = value as unknown as { bytes: Buffer; at: number; end: number }
    return bytes.subarray(at, end).toString('hex')
  }
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !name.startsWith('_') && name !== 'input')
      .map(([name, member]) => [name, plain(member)]),
  )
}

function outcome(read: () => object | undefined): object | 'refused' | undefined {
  try {
    return read()
  } catch {
    return 'refused'
  }
}
