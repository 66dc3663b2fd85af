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
  state: NodeState
  running: number
  startedAt: Date
  lastSeenAt: Date
}

/** starting and draining arrive with scaling; a dead boot never comes back: its process registers anew. */
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
}

export type NodeRegistration = Pick<
  Node,
  'id' | 'bootId' | 'tiers' | 'cpus' | 'memoryMb' | 'gpus' | 'concurrency' | 'version' | 'tasks'
>
