import type { BlobRef } from './blob.ts'
import type { JobErrorCode } from './job-errors.ts'
import type { JobState } from './job-state.ts'
import type { RetryPolicy } from './retry-policy.ts'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** What a job asks of a node. */
export interface Resources {
  /** Cores; fractions are allowed. 0: not asked for, it gets a slot's share of its node. */
  cpu: number
  /** MiB. 0 as for cores. */
  memoryMb: number
  /** A whole number, or a fraction below 1 of one GPU. */
  gpu: number
}

/**
 * Who said what a job asks for: its submission, also by a requirement alone; the defaults of its task; what jobs of the task have used
 * (RIGHTSIZE_TASKS); or nobody, and then it asks for nothing.
 */
export const resourceSources = ['job', 'task', 'use', 'nobody'] as const
export type ResourceSource = (typeof resourceSources)[number]

/** Asks for nothing. */
export const noResources: Resources = { cpu: 0, memoryMb: 0, gpu: 0 }

export const asksForResources = ({ cpu, memoryMb, gpu }: Resources): boolean =>
  cpu > 0 || memoryMb > 0 || gpu > 0

/** Numbers may have been through Postgres' real. */
export const isSameNeed = (one: Resources, other: Resources): boolean =>
  Math.abs(one.cpu - other.cpu) < 0.001 &&
  one.memoryMb === other.memoryMb &&
  Math.abs(one.gpu - other.gpu) < 0.001

/** A submission that has been checked, has its defaults, and knows its tier. */
export interface JobSpec {
  task: string
  payload: Json
  tier: string
  resources: Resources
  /** Absent or null where it was not noted: of canaries, and of jobs of versions before it was. */
  resourcesFrom?: ResourceSource | null
  /** 0..9; 9 runs first. */
  priority: number
  /** Not before; null for at once. `delayMs` counts from Postgres' now() at acceptance. */
  runAt: Date | null
  delayMs: number
  timeoutMs: number
  /** Not started by then: expired. */
  expiresAt: Date | null
  retry: RetryPolicy
  labels: Record<string, string>
  replayOf: string | null
}

/** Why an attempt or a job did not succeed. */
export interface JobError {
  code: JobErrorCode
  message: string
  /** The attempt that ended so, from 1; absent when the job never started. */
  attempt?: number
}

/** What an attempt used. Fields that the task kind can't measure are absent. */
export interface Usage {
  wallMs: number
  cpuMs?: number
  maxRssBytes?: number
  /** GPUs held times seconds of wall time, a part of one counting as that part; absent when it held none. */
  gpuSeconds?: number
}

export interface Job extends JobSpec {
  id: string
  tenant: string
  userId: string
  /** Where the payload is, when it is kept in the blob store; then `payload` is null, unless it was fetched. */
  payloadRef: BlobRef | null
  state: JobState
  /** The job whose result it was answered with, without running. */
  cachedFrom: string | null
  /** Starts so far; 0 before the first. */
  attempt: number
  failures: number
  crashes: number
  handBacks: number
  /** 0..100, or null when the task does not tell. */
  progress: number | null
  /** The task's word about its progress. */
  progressNote: string | null
  result: Json
  /** As `payloadRef`. */
  resultRef: BlobRef | null
  error: JobError | null
  usage: Usage | null
  nodeId: string | null
  cancelRequestedAt: Date | null
  createdAt: Date
  /** When the job may start, or could have started. */
  dueAt: Date
  startedAt: Date | null
  finishedAt: Date | null
}

/** A line of a job's timeline. */
export interface JobEvent {
  seq: number
  at: Date
  state: JobState
  attempt?: number
  nodeId?: string
  reason?: string
}

/** What a worker gets to run: the row as it was claimed. */
export interface ClaimedJob {
  id: string
  tenant: string
  task: string
  tier: string
  payload: Json
  /** Where the payload is, when it is kept in the blob store; then `payload` is null. */
  payloadRef: BlobRef | null
  resources: Resources
  timeoutMs: number
  retry: RetryPolicy
  attempt: number
  failures: number
  handBacks: number
  /** Grows with every claim of this job and never goes back; who holds an older one is not believed. */
  fence: number
  /** Of what it is equal to, when its result may answer later jobs. */
  cacheKey: Buffer | null
  /** How long the job stood due before it was claimed, by Postgres' clock. */
  waitedMs: number
}
