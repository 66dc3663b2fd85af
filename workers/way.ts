import type { Config } from '../core/config.ts'
import type { Component } from '../core/lifecycle.ts'
import type { Logger } from '../core/logger.ts'
import type { Metrics } from '../core/metrics.ts'
import type { GpuId } from '../queue/domain/node.ts'
import type { ClaimLoopOptions, Intake } from '../queue/intake/claim-loop.ts'
import type { NodeCapacity } from '../queue/intake/node-allocator.ts'
import type { QueueDeps } from '../queue/use-cases/queue-deps.ts'
import type { Platform } from './platform.ts'

/** How a worker reaches the platform: beside the stores (direct-way.ts), or through a gateway (remote/open-remote-way.ts). */
export interface Way {
  platform: Platform
  newId: () => string
  /** Begun first, and ended last. */
  connection: Component
  /** Where applied configurations are kept; a node that reaches no store only logs them. */
  configHistory: Pick<QueueDeps['configHistory'], 'append' | 'findLatest'>
  /** Where the node's jobs come from, and what must run beside it. */
  openIntake: (options: IntakeOptions) => { intake: Intake; beside: Component[] }
}

export interface IntakeOptions extends ClaimLoopOptions {
  capacity: NodeCapacity
  gpuIds?: readonly GpuId[]
}

export interface WayDeps {
  /** As it was read with the options of the way. */
  config: Partial<Config>
  nodeId: string
  tiers: readonly string[]
  log: Logger
  metrics: Metrics
}
