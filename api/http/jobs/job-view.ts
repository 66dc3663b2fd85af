import type { BlobRef } from '../../../queue/domain/blob.ts'
import type { Job } from '../../../queue/domain/job.ts'
import type { BlobLinks } from '../../blobs/blob-links.ts'

/** A job as clients see it. */
export function toJobView(job: Job, links: BlobLinks) {
  const refOf = (ref: BlobRef, what: string) => ({
    bytes: ref.bytes,
    sha256: ref.sha256,
    url: links.pathOf({ ref, filename: `${job.id}-${what}.json` }),
  })
  return {
    id: job.id,
    state: job.state,
    tier: job.tier,
    task: job.task,
    tenant: job.tenant,
    priority: job.priority,
    payload: job.payload,
    ...(job.payloadRef && { payloadRef: refOf(job.payloadRef, 'payload') }),
    resources: job.resources,
    resourcesFrom: job.resourcesFrom ?? null,
    timeoutMs: job.timeoutMs,
    retry: job.retry,
    labels: job.labels,
    attempt: job.attempt,
    progress: job.progress,
    progressNote: job.progressNote,
    result: job.result,
    ...(job.resultRef && { resultRef: refOf(job.resultRef, 'result') }),
    error: job.error,
    usage: job.usage,
    nodeId: job.nodeId,
    replayOf: job.replayOf,
    cachedFrom: job.cachedFrom,
    cancelRequestedAt: job.cancelRequestedAt,
    createdAt: job.createdAt,
    startedAt: job.startedAt,
    finishedAt: job.finishedAt,
    timestamps: {
      createdAt: job.createdAt,
      dueAt: job.dueAt,
      expiresAt: job.expiresAt,
      startedAt: job.startedAt,
      finishedAt: job.finishedAt,
    },
  }
}
