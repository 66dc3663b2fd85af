import type { Resources } from './job.ts'
import type { RetryPolicy } from './retry-policy.ts'

/** A worker process with its resources, as the registry shows it. */
export interface Node {
  /** Its name, kept over restarts when configured. */
  id: string
  /** One life of the node: a new process is a new boot. */
  bootId: string
  tiers: string[]
  cpus: number
  memoryMb: number
  gpus: number
  concurrency: number
  version: string
  tasks: TaskOffer[]
  /** The newest format of job rows that it reads, and those before it. */
  readsFormat: number
  state: NodeState
  running: number
  startedAt: Date
  lastSeenAt: Date
  /** Since when a draining node has had no jobs and takes none: it may be stopped. */
  drainedAt: Date | null
  /** It drains for scaling, and for nobody else: it may be called back. */
  isRecallable: boolean
  use: NodeUse
}

/** How far the machine of a node is used, each 0 to 1; null for what can't be told. */
export interface NodeUse {
  cpu: number | null
  memory: number | null
  gpu: number | null
}

/** What a node tells of itself when it renews its lease. */
export interface NodeReport {
  /** It takes no more jobs, and has none. */
  isDrained: boolean
  use: NodeUse
}

export const nothingToReport: NodeReport = {
  isDrained: false,
  use: { cpu: null, memory: null, gpu: null },
}

/** How a GPU is told to programs: by its index, or by its UUID. */
export type GpuId = number | string

/** True when it is large enough for a job, were it empty. Numbers may have been through Postgres' real. */
export const hasRoomFor = (
  node: Pick<Node, 'cpus' | 'memoryMb' | 'gpus'>,
  { cpu, memoryMb, gpu }: Resources,
): boolean => cpu <= node.cpus + 0.001 && memoryMb <= node.memoryMb && Math.ceil(gpu) <= node.gpus

/** A dead boot never comes back: its process registers anew. */
export const nodeStates = ['ready', 'draining', 'stopped', 'dead'] as const
export type NodeState = (typeof nodeStates)[number]

/** A task that a node can run, for the catalogue. */
export interface TaskOffer {
  name: string
  version: string
  description: string
  /** JSON Schema (2020-12) of the payload and of the result. */
  payloadSchema: Record<string, unknown>
  resultSchema: Record<string, unknown>
  kind: TaskKind
  /** Declared: equal payloads give equal results, so that a result may answer later jobs. */
  deterministic?: boolean
  /** What holds for its jobs where a submission is silent. */
  defaults?: TaskDefaults
  /** Names of the secrets that its runs get: those of the job's tenant. */
  secrets?: string[]
}

/** A letter, then letters, digits, dots, dashes or underscores, at most 128. */
export const taskNamePattern = /^[A-Za-z][A-Za-z0-9._-]{0,127}$/

/** How a node runs a task: within the worker; as a program of the submitter's choice; from a module, a Python file, a C library, or any program of its tasks folder; in a container. */
export const taskKinds = ['builtin', 'command', 'module', 'python', 'ffi', 'program', 'container'] as const
export type TaskKind = (typeof taskKinds)[number]

export interface TaskDefaults {
  timeoutMs?: number
  retry?: Partial<RetryPolicy>
  resources?: Partial<Resources>
  priority?: number
  /** A run that tells its worker nothing for so long has failed. */
  silenceMs?: number
}

export type NodeRegistration = Pick<
  Node,
  'id' | 'bootId' | 'tiers' | 'cpus' | 'memoryMb' | 'gpus' | 'concurrency' | 'version' | 'tasks'
>
