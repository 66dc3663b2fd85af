import type { NodeRegistration } from '../domain/node.ts'
import type { QueueDeps } from './queue-deps.ts'

/**
 * Registers a boot of a node; false when its id belongs to another live process. Twice is harmless: an answer may have been lost. With `isDraining` the
 * node goes on taking no jobs.
 */
export async function registerNode(
  deps: Pick<QueueDeps, 'nodes'>,
  node: NodeRegistration,
  { leaseMs, isDraining }: { leaseMs: number; isDraining: boolean },
): Promise<boolean> {
  const isRegistered =
    (await deps.nodes.register(node, leaseMs)) || (await deps.nodes.findLive(node.id))?.bootId === node.bootId
  if (isRegistered && isDraining) await deps.nodes.drain(node.id)
  return isRegistered
}
