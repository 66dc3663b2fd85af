import type { BlobRef } from '../../domain/blob.ts'
import type { Job, JobError, Json, ResourceSource, Usage } from '../../domain/job.ts'
import type { JobState } from '../../domain/job-state.ts'
import type { RetryPolicy } from '../../domain/retry-policy.ts'

export interface JobRow {
  id: string
  tenant: string
  user_id: string
  task: string
  tier: string
  state: JobState
  priority: number
  payload: Json
  payload_ref: BlobRef | null
  cpu: number
  memory_mb: number
  gpu: number
  resources_from: ResourceSource | null
  timeout_ms: number
  expires_at: Date | null
  max_attempts: number
  backoff_ms: number
  backoff_strategy: RetryPolicy['strategy']
  escalate_tier: boolean
  labels: Record<string, string>
  replay_of: string | null
  cached_from: string | null
  due_at: Date
  node_id: string | null
  attempt: number
  failures: number
  crashes: number
  hand_backs: number
  cancel_requested_at: Date | null
  progress: number | null
  progress_note: string | null
  result: Json
  result_ref: BlobRef | null
  error: JobError | null
  usage: Usage | null
  created_at: Date
  started_at: Date | null
  finished_at: Date | null
}

export const jobColumns = `id, tenant, user_id, task, tier, state, priority, payload, payload_ref, cpu, memory_mb, gpu, resources_from, timeout_ms, expires_at, max_attempts, backoff_ms, backoff_strategy, escalate_tier, labels,
  replay_of, cached_from, due_at, node_id, attempt, failures, crashes, hand_backs, cancel_requested_at, progress, progress_note, result, result_ref, error, usage, created_at, started_at, finished_at`

export function toJob(row: JobRow): Job {
  return {
    id: row.id,
    tenant: row.tenant,
    userId: row.user_id,
    task: row.task,
    tier: row.tier,
    state: row.state,
    priority: row.priority,
    payload: row.payload,
    payloadRef: row.payload_ref,
    resources: { cpu: row.cpu, memoryMb: row.memory_mb, gpu: row.gpu },
    resourcesFrom: row.resources_from,
    timeoutMs: row.timeout_ms,
    expiresAt: row.expires_at,
    retry: {
      maxAttempts: row.max_attempts,
      backoffMs: row.backoff_ms,
      strategy: row.backoff_strategy,
      escalateTier: row.escalate_tier,
    },
    labels: row.labels,
    replayOf: row.replay_of,
    cachedFrom: row.cached_from,
    runAt: row.due_at,
    delayMs: 0,
    dueAt: row.due_at,
    nodeId: row.node_id,
    attempt: row.attempt,
    failures: row.failures,
    crashes: row.crashes,
    handBacks: row.hand_backs,
    cancelRequestedAt: row.cancel_requested_at,
    progress: row.progress,
    progressNote: row.progress_note,
    result: row.result,
    resultRef: row.result_ref,
    error: row.error,
    usage: row.usage,
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  }
}
