import { QueueError } from '../domain/errors.ts'
import type { Job, JobSpec, Json } from '../domain/job.ts'
import { isTerminal } from '../domain/job-state.ts'
import type { Actor } from '../domain/user.ts'
import { findJob } from './find-job.ts'
import { readJsonBlob } from './read-blob.ts'
import { submitJob, type SubmitDeps, type Submitted } from './submit-jobs.ts'

/**
 * Submits an ended job once more, as a new job that names it in `replayOf`; the old one stays as it ended. It belongs to who replays it, in the old
 * one's tenant. A payload in the blob store is copied, so that neither job needs the other's. It starts at once and does not expire, whatever the old one's times were, and
 * runs also where a cached result could answer it.
 * @param change `check` refuses by throwing what may not be submitted any more
 * @throws JOB_NOT_FOUND, JOB_NOT_FINISHED, BLOB_LOST, and what submitJob throws
 */
export async function replayJob(
  deps: SubmitDeps,
  actor: Actor,
  id: string,
  change: {
    payload?: Json | undefined
    idempotency: { key: string; body: string } | null
    check: (job: Pick<JobSpec, 'task' | 'payload' | 'tier' | 'resources'>) => void
  },
): Promise<Submitted> {
  const job = await findJob(deps, actor, id)
  if (!isTerminal(job.state))
    throw new QueueError(
      'JOB_NOT_FINISHED',
      `Job ${id} is ${job.state}; only a job that has ended can be replayed.`,
    )
  const payload = change.payload === undefined ? await payloadOf(deps, job) : change.payload
  change.check({ ...job, payload })
  return submitJob(
    deps,
    { ...actor, tenant: job.tenant },
    {
      spec: {
        task: job.task,
        payload,
        tier: job.tier,
        resources: job.resources,
        resourcesFrom: job.resourcesFrom ?? null,
        priority: job.priority,
        runAt: null,
        delayMs: 0,
        timeoutMs: job.timeoutMs,
        expiresAt: null,
        retry: job.retry,
        labels: job.labels,
        replayOf: job.id,
      },
      idempotency: change.idempotency,
    },
  )
}

const payloadOf = async (deps: SubmitDeps, { payload, payloadRef }: Job): Promise<Json> =>
  payloadRef ? readJsonBlob(deps, payloadRef) : payload
