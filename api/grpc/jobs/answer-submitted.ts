import type { SubmitResponse } from '../../../proto/generated/noodle/v1/SubmitResponse.ts'
import { QueueError } from '../../../queue/domain/errors.ts'
import type { Job } from '../../../queue/domain/job.ts'
import { isTerminal } from '../../../queue/domain/job-state.ts'
import { findJob } from '../../../queue/use-cases/find-job.ts'
import { withBlobs } from '../../../queue/use-cases/show-job.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { toStateName, toTimestamp } from '../messages.ts'
import { actorOf, type GrpcCall } from '../method.ts'
import { toJobMessage } from './job-message.ts'

/** Longest that a submission may wait for its end. */
const maxWaitSeconds = 60

export function readWaitSeconds(seconds: number): number {
  if (seconds >= 0 && seconds <= maxWaitSeconds) return seconds
  throw new QueueError('INVALID_REQUEST', `waitSeconds must be 0 to ${String(maxWaitSeconds)}.`, {
    fields: [{ path: 'waitSeconds', message: `must be 0 to ${String(maxWaitSeconds)}` }],
  })
}

interface Answered {
  job: Job
  isNew: boolean
  warnings: string[]
}

export const toSubmitResponse = ({ job, isNew, warnings }: Answered): SubmitResponse => ({
  id: job.id,
  state: toStateName(job.state),
  tier: job.tier,
  createdAt: toTimestamp(job.createdAt),
  isNew,
  // They say what keeps it from running: an ended one has run.
  warnings: isTerminal(job.state) ? [] : warnings,
})

/** At once, or with the job as it stands after the time that the client prefers to wait. */
export async function answerSubmitted(
  deps: GatewayDeps,
  call: GrpcCall,
  answered: Answered,
  waitSeconds: number,
): Promise<SubmitResponse> {
  const { job } = answered
  if (waitSeconds === 0) return toSubmitResponse(answered)
  const hasEnded = isTerminal(job.state)
  if (!hasEnded) await deps.watch.whenEnded(job.id, waitSeconds * 1000, call.gone)
  const latest = await withBlobs(
    deps.queue,
    hasEnded ? job : await findJob(deps.queue, actorOf(call), job.id),
  )
  return { ...toSubmitResponse({ ...answered, job: latest }), job: toJobMessage(latest, deps.links) }
}
