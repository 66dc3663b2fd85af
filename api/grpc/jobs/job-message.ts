import type { BlobRef as BlobRefMessage } from '../../../proto/generated/noodle/v1/BlobRef.ts'
import type { Job as JobMessage } from '../../../proto/generated/noodle/v1/Job.ts'
import type { BlobRef } from '../../../queue/domain/blob.ts'
import type { Job } from '../../../queue/domain/job.ts'
import { isTerminal } from '../../../queue/domain/job-state.ts'
import type { BlobLinks } from '../../blobs/blob-links.ts'
import { toStateName, toTimestamp, toTimestampOrNone } from '../messages.ts'

/** A job as clients see it; what `toJobView` is over HTTP. */
export function toJobMessage(job: Job, links: BlobLinks): JobMessage {
  const toRef = (ref: BlobRef, what: string): BlobRefMessage => ({
    bytes: ref.bytes,
    sha256: ref.sha256,
    url: links.pathOf({ ref, filename: `${job.id}-${what}.json` }),
  })
  const { error, usage } = job
  return {
    id: job.id,
    state: toStateName(job.state),
    tier: job.tier,
    task: job.task,
    tenant: job.tenant,
    priority: job.priority,
    ...(job.payloadRef && { payloadRef: toRef(job.payloadRef, 'payload') }),
    ...(!(job.payloadRef && job.payload === null) && { payloadJson: toJson(job.payload) }),
    resources: job.resources,
    ...(job.resourcesFrom && { resourcesFrom: job.resourcesFrom }),
    timeoutMs: job.timeoutMs,
    retry: {
      ...job.retry,
      strategy: job.retry.strategy === 'fixed' ? 'RETRY_STRATEGY_FIXED' : 'RETRY_STRATEGY_EXPONENTIAL',
    },
    labels: job.labels,
    attempt: job.attempt,
    ...(job.progress !== null && { progress: job.progress }),
    ...(job.progressNote !== null && { progressNote: job.progressNote }),
    ...(job.resultRef && { resultRef: toRef(job.resultRef, 'result') }),
    ...(isTerminal(job.state) &&
      !(job.resultRef && job.result === null) && { resultJson: toJson(job.result) }),
    ...(error && { error }),
    ...(usage && { usage }),
    ...(job.nodeId !== null && { nodeId: job.nodeId }),
    ...(job.replayOf !== null && { replayOf: job.replayOf }),
    ...(job.cachedFrom !== null && { cachedFrom: job.cachedFrom }),
    cancelRequestedAt: toTimestampOrNone(job.cancelRequestedAt),
    createdAt: toTimestamp(job.createdAt),
    dueAt: toTimestamp(job.dueAt),
    expiresAt: toTimestampOrNone(job.expiresAt),
    startedAt: toTimestampOrNone(job.startedAt),
    finishedAt: toTimestampOrNone(job.finishedAt),
  }
}

const toJson = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
