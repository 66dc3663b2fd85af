import { z } from 'zod'
import { logStreams } from '../../queue/domain/log-line.ts'
import { resourceSources } from '../../queue/domain/job.ts'
import { jobStates } from '../../queue/domain/job-state.ts'
import { taskNamePattern } from '../../queue/domain/node.ts'
import { maxBackoffMs } from '../../queue/domain/retry-policy.ts'
import { requirements } from '../../queue/domain/tiers.ts'

const day = 86_400_000
const noNul = (text: string): boolean => !text.includes('\0')

/** A time that a job waits for: ISO 8601 with an offset or Z, at most a year ahead of the clock that reads it. */
const instant = z.iso
  .datetime({ offset: true, message: 'must be a time such as 2026-11-23T15:00:00Z' })
  .transform((text) => new Date(text))
  .refine((at) => at.getTime() < Date.now() + 366 * day, 'must be within a year from now')

export const taskName = z
  .string()
  .regex(
    taskNamePattern,
    'must begin with a letter, then letters, digits, dots, dashes or underscores, at most 128',
  )

const labels = z
  .record(
    z
      .string()
      .regex(
        /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/,
        'must be 1 to 63 letters, digits, dots, dashes, slashes or underscores',
      ),
    z.string().max(255, 'must be at most 255 characters').refine(noNul, 'must not hold a NUL character'),
  )
  .refine((record) => Object.keys(record).length <= 32, 'must be at most 32 labels')

const jobFields = {
  task: taskName.describe('What to run; GET /v1/tasks lists what nodes offer.'),
  payload: z.unknown().optional().describe("The task's input, any JSON; checked against the task's schema."),
  requirement: z
    .enum(requirements)
    .optional()
    .describe(
      'light runs on the tier small, medium on medium, heavy on heavy. Without it and resources: light.',
    ),
  resources: z
    .strictObject({
      cpu: z.number().positive().max(4096).optional().describe('Cores; fractions are allowed.'),
      memoryMb: z.number().int().positive().max(67_108_864).optional().describe('Memory in MiB.'),
      gpu: z
        .number()
        .min(0)
        .max(1024)
        .refine((gpu) => gpu < 1 || Number.isInteger(gpu), 'must be a whole number, or a fraction below 1')
        .refine((gpu) => gpu === 0 || gpu >= 0.001, 'must be 0, or at least 0.001')
        .optional()
        .describe('GPUs; a fraction below 1 is a part of one, which others may share.'),
    })
    .optional()
    .describe(
      "The job goes to the smallest tier that has them, and waits until a node has as much free. What is not named is a slot's share of the node, and no GPU.",
    ),
  priority: z
    .number()
    .int()
    .min(0, 'must be 0 to 9')
    .max(9, 'must be 0 to 9')
    .optional()
    .describe('9 runs first; by default what the task has, or 5.'),
  runAt: instant.optional().describe('Not before this time.'),
  delayMs: z
    .number()
    .int()
    .min(0)
    .max(366 * day)
    .optional()
    .describe('Not before so many ms from now. Not together with runAt.'),
  timeoutMs: z
    .number()
    .int()
    .min(1)
    .max(7 * day)
    .optional()
    .describe('How long an attempt may run, in ms; by default what the task has, or an hour.'),
  expiresAt: instant.optional().describe('If it has not started by then, it expires.'),
  retry: z
    .strictObject({
      maxAttempts: z.number().int().min(1).max(100).optional().describe('3 by default.'),
      backoffMs: z.number().int().min(0).max(maxBackoffMs).optional().describe('1000 by default.'),
      strategy: z
        .enum(['fixed', 'exponential'])
        .optional()
        .describe('exponential, the default, has full jitter and a ceiling of 10 minutes.'),
      escalateTier: z
        .boolean()
        .optional()
        .describe(
          'After an attempt that ran out of memory the next one goes to the next larger tier, with twice the memory; false by default.',
        ),
    })
    .optional()
    .describe('What is not given is as the task has it by default.'),
  labels: labels.default({}),
  cache: z
    .strictObject({
      ttlSeconds: z
        .number()
        .int()
        .min(1)
        .max(365 * 86_400)
        .describe('How long ago that job may have ended.'),
    })
    .optional()
    .describe(
      'For tasks that are declared deterministic: the result of an earlier equal job of the tenant (same task, version and payload, with `cache` too) answers, and nothing is run.',
    ),
}

/** Fields of the contract that this version refuses, with a word of their own. */
export const fieldsNotYet = ['concurrencyKey'] as const

const hasOneTime = (job: { runAt?: Date | undefined; delayMs?: number | undefined }): boolean =>
  job.runAt === undefined || job.delayMs === undefined
const expiresAfterStart = (job: { runAt?: Date | undefined; expiresAt?: Date | undefined }): boolean =>
  !job.runAt || !job.expiresAt || job.expiresAt > job.runAt
const times = {
  oneTime: { path: ['delayMs'], message: 'must not stand beside runAt' },
  expiry: { path: ['expiresAt'], message: 'must be after runAt' },
}

export const submitBody = z
  .strictObject(jobFields)
  .refine(hasOneTime, times.oneTime)
  .refine(expiresAfterStart, times.expiry)
  .meta({ id: 'JobSubmission' })

export const idempotencyKey = z
  .string()
  .min(1, 'must not be empty')
  .max(255, 'must be at most 255 characters')
  .regex(/^[\x20-\x7e]+$/, 'must be printable ASCII')

export const batchItem = z
  .strictObject({
    ...jobFields,
    idempotencyKey: idempotencyKey
      .optional()
      .describe('As the header Idempotency-Key, for this job of the batch.'),
  })
  .refine(hasOneTime, times.oneTime)
  .refine(expiresAfterStart, times.expiry)
  .meta({ id: 'BatchItem' })

/** For the documentation; items are checked one by one, so that each wrong one is named. */
export const batchBody = z.strictObject({ jobs: z.array(batchItem).min(1) }).meta({ id: 'JobBatch' })

export type JobSubmission = z.output<typeof submitBody>

const fieldError = z.object({ path: z.string(), message: z.string() })

/** What is kept as a blob, and where it is read. */
const blobRefView = z
  .object({
    bytes: z.number(),
    sha256: z.string(),
    url: z.string().describe('A path of the gateway that needs no token, good for BLOB_LINK_SECONDS.'),
  })
  .meta({ id: 'BlobRef' })

export const jobView = z
  .object({
    id: z.uuid(),
    state: z.enum(jobStates),
    tier: z.string().describe('With retry.escalateTier a later attempt may have gone to a larger one.'),
    task: z.string(),
    tenant: z.string(),
    priority: z.number(),
    payload: z.unknown(),
    payloadRef: blobRefView
      .optional()
      .describe(
        'Of a payload above INLINE_LIMIT_BYTES. `payload` is null then in lists, above 1 MiB, and while the blob store is away.',
      ),
    resources: z
      .object({ cpu: z.number(), memoryMb: z.number(), gpu: z.number() })
      .describe("cpu and memoryMb are 0 where the job asks for none: it gets a slot's share of its node."),
    resourcesFrom: z
      .enum(resourceSources)
      .nullable()
      .describe(
        'Who said so: `job`, its submission; `task`, the defaults of its task; `use`, what jobs of the task have used (RIGHTSIZE_TASKS); `nobody`. Null of jobs of earlier versions.',
      ),
    timeoutMs: z.number(),
    retry: z.object({
      maxAttempts: z.number(),
      backoffMs: z.number(),
      strategy: z.string(),
      escalateTier: z.boolean(),
    }),
    labels: z.record(z.string(), z.string()),
    attempt: z.number().describe('Starts so far, from 1; 0 before the first.'),
    progress: z.number().nullable().describe('0 to 100, where the task tells.'),
    progressNote: z.string().nullable().describe("The task's word about its progress."),
    result: z.unknown(),
    resultRef: blobRefView.optional().describe('As payloadRef, of a result.'),
    error: z.object({ code: z.string(), message: z.string(), attempt: z.number().optional() }).nullable(),
    usage: z
      .object({
        wallMs: z.number(),
        cpuMs: z.number().optional(),
        maxRssBytes: z.number().optional(),
        gpuSeconds: z
          .number()
          .optional()
          .describe('GPUs that it held, times seconds of wall time; a part of a GPU counts as that part.'),
      })
      .nullable()
      .describe('What the last attempt that ended used.'),
    nodeId: z.string().nullable(),
    replayOf: z.uuid().nullable(),
    cachedFrom: z.uuid().nullable().describe('The job whose result answered it, without a run of its own.'),
    cancelRequestedAt: z.iso.datetime().nullable(),
    createdAt: z.iso.datetime(),
    startedAt: z.iso.datetime().nullable(),
    finishedAt: z.iso.datetime().nullable(),
    timestamps: z.object({
      createdAt: z.iso.datetime(),
      dueAt: z.iso.datetime(),
      expiresAt: z.iso.datetime().nullable(),
      startedAt: z.iso.datetime().nullable(),
      finishedAt: z.iso.datetime().nullable(),
    }),
    warnings: z.array(z.string()).optional().describe('What may keep it from running soon, at submission.'),
  })
  .meta({ id: 'Job' })

export const eventView = z
  .object({
    seq: z.number(),
    at: z.iso.datetime(),
    state: z.enum(jobStates).describe('The state entered; the first is the state at acceptance.'),
    attempt: z.number().optional(),
    nodeId: z.string().optional(),
    reason: z.string().optional(),
  })
  .meta({ id: 'JobEvent' })

export const logLineView = z
  .object({
    id: z.string().describe('Its place in the log; a cursor to go on after it.'),
    at: z.iso.datetime().describe('By the clock of the node.'),
    attempt: z.number(),
    seq: z.number().describe('Its number in the attempt, from 1, without gaps.'),
    stream: z
      .enum(logStreams)
      .describe(
        'log: what a task told by itself; noodle: what Noodle has to say about the log, such as that lines were left out.',
      ),
    text: z.string(),
  })
  .meta({ id: 'LogLine' })
export type LogLineView = z.output<typeof logLineView>

/** What an event `lines` of a live log holds. */
export const logEventView = z
  .object({
    attempt: z.number(),
    firstSeq: z.number().describe('The number of the first line; the others follow without gaps.'),
    lines: z.array(logLineView.pick({ at: true, stream: true, text: true })),
  })
  .meta({ id: 'LogEvent' })
export type LogEventView = z.output<typeof logEventView>

export const artifactView = z
  .object({
    name: z.string().describe('Its path in the folder of artifacts.'),
    attempt: z.number(),
    bytes: z.number(),
    sha256: z.string(),
    contentType: z.string().describe('By the ending of its name.'),
    url: z.string().describe('A path of the gateway that needs no token, good for BLOB_LINK_SECONDS.'),
  })
  .meta({ id: 'Artifact' })

export const batchView = z
  .object({
    accepted: z.number(),
    rejected: z.number(),
    results: z.array(
      z.union([
        z.object({ index: z.number(), id: z.uuid() }),
        z.object({ index: z.number(), code: z.string(), errors: z.array(fieldError) }),
      ]),
    ),
  })
  .meta({ id: 'BatchAnswer' })

export const problemView = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    detail: z.string(),
    instance: z.string(),
    requestId: z.string(),
    errors: z.array(fieldError).optional(),
  })
  .meta({ id: 'Problem' })
