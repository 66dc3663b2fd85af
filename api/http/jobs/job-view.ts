import type { Job } from '../../../queue/domain/job.ts'

/** A job as clients see it. */
export function toJobView(job: Job) {
  return {
    id: job.id,
    state: job.state,
    tier: job.tier,
    task: job.task,
    tenant: job.tenant,
    priority: job.priority,
    payload: job.payload,
    resources: job.resources,
    timeoutMs: job.timeoutMs,
    retry: job.retry,
    labels: job.labels,
    attempt: job.attempt,
    progress: job.progress,
    progressNote: job.progressNote,
    result: job.result,
    error: job.error,
    usage: job.usage,
    nodeId: job.nodeId,
    replayOf: job.replayOf,
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
