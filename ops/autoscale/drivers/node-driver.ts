/** A node that a driver keeps, registered or not. */
export interface DrivenNode {
  /** As it registers itself (NODE_ID). */
  id: string
  tier: string
  /** It was told to stop and is on its way. */
  isStopping: boolean
  /** It was asked for, and something else makes it: its id stands for it until the node is there under its own. */
  isPromised?: boolean
}

/**
 * What starts and stops nodes on some kind of machine. It knows nothing of jobs: which node goes, and when it may, is decided above. A call that fails
 * rejects; then it is not known what came of it, and `list` tells.
 */
export interface NodeDriver {
  readonly name: string
  /** How many calls about one tier it may be in at once; those about several tiers know nothing of each other. */
  readonly callsAtOnce: number
  /** All of its nodes of the tier. Rejects when it can't tell: that is never the same as none. */
  list(tier: string, signal: AbortSignal): Promise<DrivenNode[]>
  /** Asks for one more node of the tier. Resolves when that was taken, long before the node is up. */
  start(tier: string, signal: AbortSignal): Promise<void>
  /** Told that a node shall take no more jobs and will be stopped once it is idle, for what must know before. @throws NotYet when it shall go on */
  drain(node: DrivenNode, signal: AbortSignal): Promise<void>
  /** It shall take jobs after all: what `drain` did is taken back. */
  recall(node: DrivenNode, signal: AbortSignal): Promise<void>
  /** Stops a node in order, and forgets it. Resolves when that was taken. One that is gone is no error. @throws NotYet */
  stop(node: DrivenNode, signal: AbortSignal): Promise<void>
  /** Called when its process ends. */
  close(): Promise<void>
}
