import type { Submitted } from '../../../queue/use-cases/submit-jobs.ts'
import { refuseWhenCrowded, submitJob } from '../../../queue/use-cases/submit-jobs.ts'
import { withBlobs } from '../../../queue/use-cases/show-job.ts'
import { findJob } from '../../../queue/use-cases/find-job.ts'
import { QueueError } from '../../../queue/domain/errors.ts'
import { isTerminal } from '../../../queue/domain/job-state.ts'
import { jobView, submitBody } from '../../contract/job-shapes.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { takeJobs } from '../../limits/take-jobs.ts'
import { actorOf, type Call, type Reply, route } from '../route.ts'
import { readIdempotency } from '../../submission/idempotency.ts'
import { toJobView } from './job-view.ts'
import { refuseFieldsNotYet, toSpec } from '../../submission/to-spec.ts'

/** Longest that a submission may wait for its end. */
const maxWaitSeconds = 60

export const submissionHeaders = {
  'Idempotency-Key':
    'Kept for 24 hours per user: the same key with the same body gives the first job again, with another body 422.',
  Prefer: '`wait=N`, at most 60: answers 200 with the finished job if it ends within N seconds, else 202.',
}

export const submitJobRoute = (deps: GatewayDeps) =>
  route({
    method: 'post',
    path: '/v1/jobs',
    access: 'write',
    tag: 'Jobs',
    summary: 'Submit a job',
    description:
      'Answers once the job is stored for good. Send an Idempotency-Key, so that a request whose answer was lost can be sent again.',
    headers: submissionHeaders,
    admit: () => refuseWhenCrowded(deps.queue),
    body: submitBody,
    takesPayload: true,
    refuse: refuseFieldsNotYet,
    responses: {
      202: { description: 'Accepted; in state `succeeded` when the cache had its result', schema: jobView },
      200: {
        description: 'The job of an earlier request with this key, or a finished job that was waited for',
        schema: jobView,
      },
      422: {
        description:
          'Unknown task, a payload that does not fit it, no tier that fits, `cache` with a task that is not deterministic, or a key that came with another body',
      },
      429: { description: 'Too many jobs a minute' },
      503: {
        description: 'Postgres, or for a large payload the blob store, is unavailable; nothing was promised',
      },
    },
    async handle(call) {
      const idempotency = readIdempotency(call.header('Idempotency-Key'), 'POST /v1/jobs', call.json)
      const waitSeconds = readWait(call.header('Prefer'))
      const { spec, cache, warnings } = await toSpec(deps, call.body)
      takeJobs(deps, actorOf(call), 1)
      const submitted = await submitJob(deps.queue, actorOf(call), { spec, idempotency, cache })
      return answerSubmitted(deps, call, submitted, { waitSeconds, warnings })
    },
  })

/** 202 for a new job, 200 for a known one, or for any that ends within the time that the client prefers to wait. */
export async function answerSubmitted(
  deps: GatewayDeps,
  call: Pick<Call<unknown, unknown, unknown>, 'actor' | 'dismissed'>,
  submitted: Submitted,
  options: { waitSeconds: number; warnings: string[] },
): Promise<Reply> {
  const { job, isNew } = submitted
  const { waitSeconds, warnings } = options
  const location = { Location: `/v1/jobs/${job.id}` }
  const hasEnded = isTerminal(job.state)
  const extra = warnings.length > 0 && !hasEnded ? { warnings } : {}
  if (waitSeconds === 0) {
    const shown = isNew ? job : await withBlobs(deps.queue, job)
    return {
      status: isNew ? 202 : 200,
      headers: location,
      body: { ...toJobView(shown, deps.links), ...extra },
    }
  }
  if (!hasEnded) await deps.watch.whenEnded(job.id, waitSeconds * 1000, call.dismissed())
  const latest = await withBlobs(
    deps.queue,
    hasEnded ? job : await findJob(deps.queue, actorOf(call), job.id),
  )
  const status = isTerminal(latest.state) || !isNew ? 200 : 202
  return {
    status,
    headers: { ...location, 'Preference-Applied': `wait=${String(waitSeconds)}` },
    body: { ...toJobView(latest, deps.links), ...extra },
  }
}

/** RFC 7240: preferences that we don't know are none of our business, but a wait that we can't keep is refused. */
export function readWait(header: string | undefined): number {
  const wait = header
    ?.split(/[,;]/)
    .map((part) => part.trim())
    .find((part) => /^wait\s*=/i.test(part))
  if (wait === undefined) return 0
  const seconds = Number(
    wait
      .slice(wait.indexOf('=') + 1)
      .trim()
      .replaceAll('"', ''),
  )
  if (Number.isInteger(seconds) && seconds >= 0 && seconds <= maxWaitSeconds) return seconds
  throw new QueueError(
    'INVALID_REQUEST',
    `Prefer: wait must be a whole number of seconds, 0 to ${String(maxWaitSeconds)}.`,
    {
      fields: [{ path: 'Prefer', message: `wait must be 0 to ${String(maxWaitSeconds)}` }],
    },
  )
}
