import { QueueError } from '../domain/errors.ts'
import type { BlobRef } from '../domain/blob.ts'
import type { ClaimedJob, JobError, Json, Usage } from '../domain/job.ts'
import { afterFailure, afterHandBack, type Escalation, type JobState } from '../domain/job-state.ts'
import { retryDelayMs } from '../domain/retry-policy.ts'
import { escalate } from '../domain/tiers.ts'
import type { Finish } from '../store/jobs/finish.ts'
import type { QueueDeps } from './queue-deps.ts'

/** How a run ended, in the words of who ran it. */
export type RunEnd =
  /** With `resultRef` the result is kept in the blob store, and null here. `mayAnswer`: later equal jobs, out of the cache. */
  | { kind: 'succeeded'; result: Json; resultRef?: BlobRef; mayAnswer?: boolean; usage: Usage }
  /** `isFinal`: no further attempt would help. `reason`: for the timeline, instead of the error's code. `outOfMemoryMb`: the limit that it was killed at. */
  | {
      kind: 'failed'
      error: JobError
      isFinal: boolean
      usage: Usage
      reason?: string
      outOfMemoryMb?: number
    }

export type FinishDeps = Pick<QueueDeps, 'finishBatch' | 'signals' | 'nodes' | 'tiers'>

/**
 * T4 and T5: the holder ends its run. Answers with the state that the job went to; null when it was not its holder's any more, and nothing was changed.
 * Finishes that arrive while one is in flight go together.
 */
export async function finishJob(
  deps: FinishDeps,
  bootId: string,
  job: ClaimedJob,
  end: RunEnd,
): Promise<JobState | null> {
  const identity = { id: job.id, fence: job.fence, usage: end.usage }
  if (end.kind === 'succeeded')
    return write(deps, bootId, {
      ...identity,
      outcome: 'succeeded',
      result: end.result,
      resultRef: end.resultRef,
    })
  const next = afterFailure(
    { failures: job.failures, maxAttempts: job.retry.maxAttempts },
    { isFinal: end.isFinal, delayMs: retryDelayMs(job.retry, job.failures + 1) },
  )
  const failed = { ...identity, outcome: 'failed' as const, error: end.error }
  const escalation =
    next.state === 'pending' && job.retry.escalateTier && end.outOfMemoryMb !== undefined
      ? await findEscalation(deps, { ...job, limitMb: end.outOfMemoryMb })
      : null
  return write(
    deps,
    bootId,
    escalation && next.state === 'pending'
      ? { ...failed, next: { ...next, escalation }, reason: describeEscalation(end.error.code, escalation) }
      : { ...failed, next, reason: end.reason },
  )
}

async function findEscalation(
  deps: Pick<QueueDeps, 'nodes' | 'tiers'>,
  job: Pick<ClaimedJob, 'tier' | 'resources'> & { limitMb: number },
): Promise<Escalation | null> {
  const nodes = await deps.nodes.listLive()
  return escalate(deps.tiers, job, (tier) => {
    const memories = nodes.filter((node) => node.tiers.includes(tier)).map((node) => node.memoryMb)
    return memories.length > 0 ? Math.max(...memories) : undefined
  })
}

/** For the timeline. */
const describeEscalation = (code: string, { tier, memoryMb }: Escalation): string =>
  `${code}: goes on in tier ${tier} with ${String(memoryMb)} MiB`

/** T6: gives a job back unended; it costs no attempt. */
export async function handBackJob(
  deps: FinishDeps & Pick<QueueDeps, 'settings'>,
  bootId: string,
  held: { id: string; fence: number; handBacks: number },
  reason: string,
): Promise<JobState | null> {
  return write(deps, bootId, {
    id: held.id,
    fence: held.fence,
    usage: null,
    outcome: 'handed-back',
    next: afterHandBack(held, deps.settings.handBackLimit),
    error: {
      code: 'HANDED_BACK_TOO_OFTEN',
      message: `Stopping nodes handed it back ${String(deps.settings.handBackLimit)} times.`,
    },
    reason,
  })
}

async function write(deps: FinishDeps, bootId: string, finish: Finish): Promise<JobState | null> {
  const state = await deps.finishBatch.add({ bootId, finish })
  if (state) {
    deps.signals.tellChanged([finish.id])
    if (state === 'pending') deps.signals.tellSubmitted()
  }
  return state
}

/** True for errors after which the same finish may be tried again: it is not known whether it was written, and writing it twice is harmless. */
export const isWorthRetrying = (error: unknown): boolean =>
  error instanceof QueueError && error.kind === 'unavailable'
