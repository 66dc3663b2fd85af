/*
 * What the gateway answers, as its /openapi.json describes it; a test holds these types against the shapes that the gateway checks. Times are ISO 8601.
 */

export type JobState =
  'blocked' | 'pending' | 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'expired'

/** A job. `Payload` and `Result` are known where the client knows its tasks. */
export interface Job<Task extends string = string, Payload = unknown, Result = unknown> {
  id: string
  state: JobState
  /** With `retry.escalateTier` a later attempt may have gone to a larger one. */
  tier: string
  task: Task
  tenant: string
  priority: number
  /** Null also where it is kept as a blob: see `payloadRef`. */
  payload: Payload | null
  /** Of a large payload; `payload` is null then in lists, above 1 MiB, and while the blob store is away. */
  payloadRef?: BlobRef | undefined
  resources: { cpu: number; memoryMb: number; gpu: number }
  /** Who said so: its submission, the defaults of its task, what jobs of the task have used, or nobody. Null of jobs of earlier versions. */
  resourcesFrom: 'job' | 'task' | 'use' | 'nobody' | null
  timeoutMs: number
  retry: { maxAttempts: number; backoffMs: number; strategy: string; escalateTier: boolean }
  labels: Record<string, string>
  /** Starts so far, from 1; 0 before the first. */
  attempt: number
  /** 0 to 100, where the task tells. */
  progress: number | null
  /** The task's word about its progress. */
  progressNote: string | null
  /** Null until it has succeeded, and where it is kept as a blob: `client.result(job)` reads both. */
  result: Result | null
  /** As `payloadRef`, of a result. */
  resultRef?: BlobRef | undefined
  error: JobError | null
  /** What the last attempt that ended used. */
  usage: Usage | null
  nodeId: string | null
  replayOf: string | null
  /** The job whose result answered it, without a run of its own. */
  cachedFrom: string | null
  cancelRequestedAt: string | null
  createdAt: string
  startedAt: string | null
  finishedAt: string | null
  timestamps: {
    createdAt: string
    dueAt: string
    expiresAt: string | null
    startedAt: string | null
    finishedAt: string | null
  }
  /** What may keep it from running soon, at submission. */
  warnings?: string[] | undefined
}

/** Why an attempt or a job did not succeed. */
export interface JobError {
  code: string
  message: string
  attempt?: number | undefined
}

export interface Usage {
  wallMs: number
  cpuMs?: number | undefined
  maxRssBytes?: number | undefined
  /** GPUs that it held, times seconds. */
  gpuSeconds?: number | undefined
}

/** What is kept as a blob. */
export interface BlobRef {
  bytes: number
  /** In hexadecimal digits. */
  sha256: string
  /** A path of the gateway that needs no token, good for 15 minutes by default. */
  url: string
}

/** A file that a run left in its folder of artifacts. */
export interface Artifact extends BlobRef {
  /** Its path in that folder. */
  name: string
  attempt: number
  /** By the ending of its name. */
  contentType: string
}

/** A line of a job's timeline: the state entered. */
export interface JobEvent {
  seq: number
  at: string
  state: JobState
  attempt?: number | undefined
  nodeId?: string | undefined
  reason?: string | undefined
}

/** What a task told about its progress. */
export interface JobProgress {
  attempt: number
  /** 0 to 100. */
  progress: number
  note: string | null
}

export interface LogLine {
  /** Its place in the log. */
  id: string
  /** By the clock of the node. */
  at: string
  attempt: number
  /** Its number in the attempt, from 1, without gaps. */
  seq: number
  /** log: what a task told by itself; noodle: what Noodle has to say about the log. */
  stream: 'stdout' | 'stderr' | 'log' | 'noodle'
  text: string
}

/** Consecutive lines, as a live log sends them. */
export interface LogEvent {
  attempt: number
  firstSeq: number
  lines: Pick<LogLine, 'at' | 'stream' | 'text'>[]
}

export interface FieldError {
  /** As in `retry.maxAttempts`; empty for the whole. */
  path: string
  message: string
}

export interface BatchAnswer {
  accepted: number
  rejected: number
  results: ({ index: number; id: string } | { index: number; code: string; errors: FieldError[] })[]
}

/** RFC 9457. */
export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  instance: string
  requestId: string
  errors?: FieldError[] | undefined
}

export interface Page<Item> {
  items: Item[]
  /** Where the next page begins; null at the end. */
  nextCursor: string | null
}

export interface Task {
  name: string
  version: string
  description: string
  /** JSON Schema. */
  payloadSchema: Record<string, unknown>
  resultSchema: Record<string, unknown>
  kind: 'builtin' | 'command' | 'module' | 'python' | 'ffi' | 'program' | 'container'
  /** Equal payloads give equal results, so jobs may ask for `cache`. */
  deterministic?: boolean | undefined
  /** What holds for its jobs where a submission is silent. */
  defaults?: Record<string, unknown> | undefined
  /** Names of the secrets that its runs get. */
  secrets?: string[] | undefined
  /** Live nodes that offer it, by tier. */
  nodes: Record<string, number>
}

export interface Tier {
  tier: string
  size: { cpu: number; memoryMb: number; gpu: number }
  pending: number
  queued: number
  running: number
  oldestWaitMs: number
  replicas: { ready: number; starting: number; draining: number; desired: number }
  arrivalsPerSecond: number
  finishesPerSecond: number
  paused: boolean
}

export interface ScalingPolicy {
  mode: 'auto' | 'queueDepth' | 'manual' | 'dryRun'
  min: number
  max: number
  targetWaitMs: number
  cooldownSeconds: number
  replicas?: number
  jobsPerNode: number
  thresholds: { up: number; down: number }
  schedules: {
    cron: string
    timezone: string
    minutes: number
    min?: number | undefined
    max?: number | undefined
  }[]
  override?: { replicas: number; until: string }
}

/** Fields of a policy to set; null gives one its configured value back. */
export interface ScalingChange {
  mode?: ScalingPolicy['mode'] | null
  min?: number | null
  max?: number | null
  targetWaitMs?: number | null
  cooldownSeconds?: number | null
  replicas?: number | null
  jobsPerNode?: number | null
  thresholds?: { up: number; down: number } | null
  schedules?:
    | {
        cron: string
        timezone?: string | undefined
        minutes: number
        min?: number | undefined
        max?: number | undefined
      }[]
    | null
  override?: { replicas: number; until: string } | null
}

export interface Scaling {
  tier: string
  policy: ScalingPolicy
  /** Null before the first decision. */
  desired: number | null
  /** What somebody who starts and stops nodes should bring about: `desired`; null in the mode dryRun, and when nothing was decided within a minute. */
  target: number | null
  decidedAt: string | null
  reason: string | null
  inputs: Record<string, unknown> | null
  /** Newest first. */
  decisions: {
    at: string
    from: number
    to: number
    mode: string
    reason: string
    inputs: Record<string, unknown>
  }[]
}

/** What jobs of a task should ask for, by what they have used. */
export interface ResourceAdvice {
  task: string
  jobs: number
  asked: { cpu: number; memoryMb: number; gpu: number }
  used: { cpu: number | null; memoryMb: number | null }
  verdict: 'asks too much' | 'asks too little' | 'fits' | 'asks for nothing' | 'too few jobs'
  recommended: { cpu: number | null; memoryMb: number | null }
  saving: { cpuSeconds: number; memoryMbSeconds: number }
}

export interface Node {
  id: string
  /** One life of the node. */
  bootId: string
  state: 'ready' | 'draining' | 'stopped' | 'dead'
  tiers: string[]
  cpus: number
  memoryMb: number
  gpus: number
  concurrency: number
  running: number
  version: string
  tasks: string[]
  /** The newest format of job rows that it reads. */
  readsFormat: number
  startedAt: string
  lastSeenAt: string
  /** Since when a draining node has had no jobs: its process can be stopped. */
  drainedAt: string | null
  /** How far its machine is used, 0 to 1; null for what can not be told. */
  use: { cpu: number | null; memory: number | null; gpu: number | null }
}

/** A secret's value is never told. */
export interface Secret {
  name: string
  /** How often it was set. */
  version: number
  updatedAt: string
}

export type Role = 'admin' | 'user' | 'worker'

export interface User {
  id: string
  username: string
  role: Role
  tenant: string
  disabledAt: string | null
  createdAt: string
}

export interface AuditEntry {
  id: string
  at: string
  userId: string | null
  username: string | null
  tenant: string | null
  action: string
  target: string | null
  network: string | null
  requestId: string | null
  details: Record<string, unknown>
}

export interface Tokens {
  accessToken: string
  /** Good for one use. */
  refreshToken: string
  tokenType: 'Bearer'
  /** Seconds. */
  expiresIn: number
}

export interface Readiness {
  status: 'ok' | 'degraded' | 'unavailable'
  version: string
  /** Of the gateway that answered: the hash of its configuration, and the options whose new values wait for a restart. */
  config: { hash: string; restartNeeded: string[] }
  checks: {
    postgres: 'up' | 'down'
    redis: 'up' | 'down'
    /** Live nodes of each tier. */
    tiers: Record<string, number>
    nodes: { live: number; expected: number }
    canaryAgeSeconds: Record<string, number>
  }
  /** A sentence for each thing that is not as it should be. */
  details: string[]
}
