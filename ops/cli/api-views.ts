import type { JobState } from '../../queue/domain/job-state.ts'
import type { JobError, Json, Usage } from '../../queue/domain/job.ts'
import type { NodeState, TaskKind } from '../../queue/domain/node.ts'
import type { Role } from '../../queue/domain/user.ts'

/*
 * What the command line reads of the gateway's answers; /openapi.json describes them in full. Times are ISO 8601.
 */

export interface JobView {
  id: string
  state: JobState
  tier: string
  task: string
  tenant: string
  priority: number
  payload: Json
  payloadRef?: BlobRefView
  labels: Record<string, string>
  retry: { maxAttempts: number }
  attempt: number
  progress: number | null
  progressNote: string | null
  result: Json
  resultRef?: BlobRefView
  error: JobError | null
  usage: Usage | null
  resources: { cpu: number; memoryMb: number; gpu: number }
  resourcesFrom: 'job' | 'task' | 'use' | 'nobody' | null
  nodeId: string | null
  replayOf: string | null
  cachedFrom: string | null
  cancelRequestedAt: string | null
  createdAt: string
  startedAt: string | null
  finishedAt: string | null
  timestamps: { dueAt: string; expiresAt: string | null }
  warnings?: string[]
}

/** What is kept as a blob, and the path where it is read. */
export interface BlobRefView {
  bytes: number
  sha256: string
  url: string
}

export interface ArtifactView extends BlobRefView {
  name: string
  attempt: number
  contentType: string
}

export interface LogLine {
  id: string
  at: string
  attempt: number
  seq: number
  stream: 'stdout' | 'stderr' | 'log' | 'noodle'
  text: string
}

export interface LogEvent {
  attempt: number
  firstSeq: number
  lines: Pick<LogLine, 'at' | 'stream' | 'text'>[]
}

export interface TierView {
  tier: string
  size: { cpu: number; memoryMb: number; gpu: number }
  pending: number
  queued: number
  running: number
  oldestWaitMs: number
  replicas: { ready: number; starting: number; draining: number; desired: number }
  arrivalsPerSecond: number
  finishesPerSecond: number
}

export interface ScalingPolicyView {
  mode: string
  min: number
  max: number
  targetWaitMs: number
  cooldownSeconds: number
  jobsPerNode: number
  replicas?: number
  override?: { replicas: number; until: string }
}

export interface ScalingView {
  tier: string
  policy: ScalingPolicyView
  desired: number | null
  decidedAt: string | null
  reason: string | null
  decisions: { at: string; from: number; to: number; mode: string; reason: string }[]
}

export interface AdviceView {
  task: string
  jobs: number
  asked: { cpu: number; memoryMb: number; gpu: number }
  used: { cpu: number | null; memoryMb: number | null }
  verdict: string
  recommended: { cpu: number | null; memoryMb: number | null }
}

export interface NodeView {
  id: string
  state: NodeState
  tiers: string[]
  cpus: number
  memoryMb: number
  gpus: number
  concurrency: number
  running: number
  version: string
  startedAt: string
  lastSeenAt: string
}

export interface TaskView {
  name: string
  version: string
  description: string
  kind: TaskKind
  nodes: Record<string, number>
}

export interface SecretView {
  name: string
  version: number
  updatedAt: string
}

export interface UserView {
  id: string
  username: string
  role: Role
  tenant: string
  disabledAt: string | null
  createdAt: string
}

export interface ReadyView {
  status: 'ok' | 'degraded' | 'unavailable'
  version: string
  checks: { tiers: Record<string, number>; nodes: { live: number; expected: number } }
  details: string[]
}

export interface TokenView {
  accessToken: string
  /** Seconds. */
  expiresIn: number
}
