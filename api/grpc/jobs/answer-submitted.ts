import { QueueError } from '../../../queue/domain/errors.ts'
import { isTerminal } from '../../../queue/domain/job-state.ts'
import { findJob } from '../../../queue/use-cases/find-job.ts'
import { withBlobs } from '../../../queue/use-cases/show-job.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { actorOf, type GrpcCall } from '../method.ts'
import type { SubmitAnswer } from './answer-writer.ts'
import { toJobMessage } from './job-message.ts'

/** Longest that a submission may wait for its end. */
const maxWaitSeconds = 60

export function readWaitSeconds(seconds: number): number {
  if (seconds >= 0 && seconds <= maxWaitSeconds) return seconds
  throw new QueueError('INVALID_REQUEST', `waitSeconds must be 0 to ${String(maxWaitSeconds)}.`, {
    fields: [{ path: 'waitSeconds', message: `must be 0 to ${String(maxWaitSeconds)}` }],
  })
}

/** At once, or with the job as it stands after the time that the client prefers to wait. */
export async function answerSubmitted(
  deps: GatewayDeps,
  call: GrpcCall,
  answered: SubmitAnswer,
  waitSeconds: number,
): Promise<SubmitAnswer> {
  const { job } = answered
  if (waitSeconds === 0) return answered
  const hasEnded = isTerminal(job.state)
  if (!hasEnded) await deps.watch.whenEnded(job.id, waitSeconds * 1000, call.gone())
  const latest = await withBlobs(
    deps.queue,
    hasEnded ? job : await findJob(deps.queue, actorOf(call), job.id),
  )
  return { ...answered, job: latest, shown: toJobMessage(latest, deps.links) }
}
