import { createHash } from 'node:crypto'
import { OverloadError } from '../../core/batch.ts'
import { QueueError } from '../domain/errors.ts'
import type { Job, JobSpec } from '../domain/job.ts'
import type { Actor } from '../domain/user.ts'
import type { CachedAsk } from '../store/jobs/accept-cached.ts'
import type { Accepted, NewJob } from '../store/jobs/accept.ts'
import { answerFromCache, type CacheRequest, findAnswer } from './answer-from-cache.ts'
import { findJob } from './find-job.ts'
import { forgetPayload, keepPayload, keepPayloads, largeText } from './keep-payload.ts'
import type { QueueDeps } from './queue-deps.ts'
import { shownBytes } from './show-job.ts'

export interface Submission {
  spec: JobSpec
  /** As the client gave it, with the text that tells whether two requests are the same. */
  idempotency: { key: string; body: string } | null
  /** Asks for the result of an earlier equal job. */
  cache?: CacheRequest | null
}

/** What became of a submission. `isNew` is false when its key had made a job before: then this is that job, as it stands now. */
export interface Submitted {
  isNew: boolean
  job: Job
}

export type SubmitDeps = Pick<
  QueueDeps,
  | 'jobs'
  | 'acceptBatch'
  | 'answerBatch'
  | 'cache'
  | 'signals'
  | 'newId'
  | 'metrics'
  | 'blobs'
  | 'settings'
  | 'log'
>

type Answer = Accepted | { kind: 'answered'; job: Job }

/**
 * T1: stores a job; it resolves only after the commit. Submissions that arrive while a write is in flight go together in the next one. A payload that is
 * too large for the row goes to the blob store before. One that asks the cache, and finds there what it asks for, is stored as succeeded (T14).
 * @throws IDEMPOTENCY_KEY_REUSED for a key that came with another body; OVERLOADED; BLOBS_UNAVAILABLE; POSTGRES_UNAVAILABLE: then it is not known whether the job was stored, and the same key may be used again
 */
export async function submitJob(deps: SubmitDeps, actor: Actor, submission: Submission): Promise<Submitted> {
  const bare = newJob(deps, actor, submission)
  const text = largeText(deps, bare.spec.payload)
  const job = text ? await keepPayload(deps, bare, text) : bare
  const answer = await accept(deps, job, submission.cache)
  if (answer.kind === 'known') {
    void forgetPayload(deps, job)
    return { isNew: false, job: await firstJob(deps, answer, actor) }
  }
  announce(deps, [job], [answer])
  return { isNew: true, job: asJob(job, answer) }
}

/**
 * T1 for many. Each gets its own answer, a submitted job or the error that refused it. With `isAtomic` all are stored in one transaction, or none:
 * a key that came with another body refuses all.
 */
export async function submitMany(
  deps: SubmitDeps,
  actor: Actor,
  submissions: readonly Submission[],
  options: { isAtomic: boolean },
): Promise<(Submitted | QueueError)[]> {
  const jobs = await keepPayloads(
    deps,
    submissions.map((submission) => newJob(deps, actor, submission)),
  )
  const answers = options.isAtomic
    ? await deps.jobs.acceptAllOrNone(jobs, await findAnswers(deps, jobs, submissions), refuseReusedKey)
    : await Promise.all(jobs.map((job, i) => accept(deps, job, submissions[i]?.cache)))
  announce(deps, jobs, answers)
  return Promise.all(
    jobs.map(async (job, i) => {
      const answer = answers[i]
      if (answer && answer.kind !== 'known') return { isNew: true, job: asJob(job, answer) }
      if (answer) void forgetPayload(deps, job)
      return answer
        ? firstJob(deps, answer, actor).then(
            (first) => ({ isNew: false, job: first }),
            (error: unknown) => {
              if (error instanceof QueueError) return error
              throw error
            },
          )
        : new QueueError('OVERLOADED', 'The job was not stored.')
    }),
  )
}

/**
 * To be asked before a submission is read: to read and check what is refused in the end would take the time that the accepted ones need.
 * @throws OVERLOADED
 */
export function refuseWhenCrowded(deps: Pick<QueueDeps, 'acceptBatch'>): void {
  if (deps.acceptBatch.isCrowded()) throw overloaded()
}

async function accept(
  deps: SubmitDeps,
  job: NewJob,
  cache: CacheRequest | null | undefined,
): Promise<Answer> {
  try {
    const answered = await answerFromCache(deps, job, cache)
    return answered ? { kind: 'answered', job: answered } : await deps.acceptBatch.add(job)
  } catch (error) {
    throw error instanceof OverloadError ? overloaded(error) : error
  }
}

async function findAnswers(
  deps: Pick<QueueDeps, 'cache'>,
  jobs: readonly NewJob[],
  submissions: readonly Submission[],
): Promise<CachedAsk[]> {
  const asks = await Promise.all(jobs.map((job, i) => findAnswer(deps, job, submissions[i]?.cache)))
  return asks.filter((ask) => ask !== undefined)
}

function newJob(
  deps: Pick<QueueDeps, 'newId'>,
  actor: Actor,
  { spec, idempotency, cache }: Submission,
): NewJob {
  return {
    id: deps.newId(),
    tenant: actor.tenant,
    userId: actor.userId,
    spec,
    idempotency: idempotency && {
      key: idempotency.key,
      bodyHash: createHash('sha256').update(idempotency.body).digest(),
    },
    cacheKey: cache?.key ?? null,
  }
}

async function firstJob(deps: SubmitDeps, known: Accepted & { kind: 'known' }, actor: Actor): Promise<Job> {
  refuseReusedKey(known)
  return findJob(deps, actor, known.id)
}

function refuseReusedKey(answer: Accepted, index?: number): void {
  if (answer.kind !== 'known' || answer.isSameBody) return
  const path = index === undefined ? 'Idempotency-Key' : `jobs.${String(index)}.idempotencyKey`
  throw new QueueError(
    'IDEMPOTENCY_KEY_REUSED',
    'This idempotency key came with another body before; use a new key for a new job.',
    {
      fields: [{ path, message: 'was used with another body' }],
    },
  )
}

/** Jobs that were queued with their acceptance, or answered, need no dispatcher. */
function announce(
  deps: Pick<QueueDeps, 'signals' | 'metrics'>,
  jobs: readonly NewJob[],
  answers: readonly Answer[],
): void {
  jobs.forEach(({ spec: { tier, task } }, i) => {
    const kind = answers[i]?.kind
    if (kind === 'accepted' || kind === 'answered') deps.metrics.jobsAccepted.inc({ tier, task })
    if (kind === 'answered') deps.metrics.jobsCached.inc({ task })
  })
  const waiting = jobs.filter((_, i) => {
    const answer = answers[i]
    return answer?.kind === 'accepted' && answer.state === 'pending'
  })
  for (const tier of new Set(waiting.map(({ spec }) => spec.tier))) deps.signals.tellSubmitted(tier)
}

function asJob(job: NewJob, accepted: Exclude<Answer, { kind: 'known' }>): Job {
  const { payloadRef = null } = job
  const payload = payloadRef && payloadRef.bytes > shownBytes ? null : job.spec.payload
  if (accepted.kind === 'answered') return { ...accepted.job, payload }
  return {
    ...job.spec,
    payload,
    payloadRef,
    id: job.id,
    tenant: job.tenant,
    userId: job.userId,
    state: accepted.state,
    cachedFrom: null,
    attempt: 0,
    failures: 0,
    crashes: 0,
    handBacks: 0,
    progress: null,
    progressNote: null,
    result: null,
    resultRef: null,
    error: null,
    usage: null,
    nodeId: null,
    cancelRequestedAt: null,
    createdAt: accepted.createdAt,
    // As the statement reckons it, whose now() is the time of acceptance.
    dueAt:
      job.spec.runAt ??
      (job.spec.delayMs === 0
        ? accepted.createdAt
        : new Date(accepted.createdAt.getTime() + job.spec.delayMs)),
    startedAt: null,
    finishedAt: null,
  }
}

const overloaded = (cause?: OverloadError): QueueError =>
  new QueueError('OVERLOADED', 'More jobs arrive than can be stored; try again.', {
    retryAfterSeconds: 1,
    ...(cause && { cause }),
  })
