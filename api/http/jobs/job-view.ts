import type { BlobRef } from '../../../queue/domain/blob.ts'
import type { Job } from '../../../queue/domain/job.ts'
import type { BlobLinks } from '../../blobs/blob-links.ts'

let lastInstant = { at: new Date(NaN), text: '' }

/** As RFC 3339 has it. Jobs that were stored together share an instant, and one is written for each only once. */
function textOf(at: Date): string
function textOf(at: Date | null): string | null
function textOf(at: Date | null): string | null {
  if (!at) return null
  if (at !== lastInstant.at) lastInstant = { at, text: at.toISOString() }
  return lastInstant.text
}

/** A job as clients see it. */
export function toJobView(job: Job, links: BlobLinks) {
  const refOf = (ref: BlobRef, what: string) => ({
    bytes: ref.bytes,
    sha256: ref.sha256,
    url: links.pathOf({ ref, filename: `${job.id}-${what}.json` }),
  })
  const createdAt = textOf(job.createdAt)
  const startedAt = textOf(job.startedAt)
  const finishedAt = textOf(job.finishedAt)
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
    cancelRequestedAt: textOf(job.cancelRequestedAt),
    createdAt,
    startedAt,
    finishedAt,
    timestamps: {
      createdAt,
      dueAt: textOf(job.dueAt),
      expiresAt: textOf(job.expiresAt),
      startedAt,
      finishedAt,
    },
  }
}
