import { readdirSync } from 'node:fs'
import { readMemory } from '../../workers/executors/proc.ts'
import type { Cluster } from './cluster.ts'
import type { Violation } from './invariants.ts'
import type { Role } from './product-process.ts'

/** What the platform takes at rest. */
export interface Footprint {
  redisKeys: number
  redisBytes: number
  /** Of the largest process of each role. */
  memoryBytes: Record<Role, number>
  handles: Record<Role, number>
}

const roles: Role[] = ['gateway', 'worker', 'ops']

export async function takeFootprint(cluster: Cluster): Promise<Footprint> {
  const { redisAdmin } = cluster.stores
  const ofRole = (measure: (pid: number) => number): Record<Role, number> =>
    Object.fromEntries(
      roles.map((role) => [
        role,
        Math.max(...cluster.ofRole(role).map((product) => measure(product.pid() ?? 0))),
      ]),
    ) as Record<Role, number>
  return {
    redisKeys: await redisAdmin.dbsize(),
    redisBytes: Number(/used_memory:(\d+)/.exec(await redisAdmin.info('memory'))?.[1]),
    memoryBytes: ofRole((pid) => readMemory(pid)?.rssBytes ?? 0),
    handles: ofRole((pid) => readdirSync(`/proc/${pid}/fd`).length),
  }
}

/** BullMQ keeps 300 ended entries of each kind and tier, with up to three keys each. */
const keptRedisKeys = 2 * 300 * 3
/** And its stream of events, of about 10,000 entries, and the counters. */
const keptRedisBytes = 8_000_000
const spareHandles = 10

/** I14. Memory of a Node process at rest is what its garbage collector left: it may grow by half before it counts as a leak. */
export function compareFootprints(before: Footprint, after: Footprint): Violation[] {
  const grown: string[] = []
  if (after.redisKeys > before.redisKeys * 1.05 + keptRedisKeys)
    grown.push(`Redis holds ${after.redisKeys} keys after ${before.redisKeys}`)
  if (after.redisBytes > before.redisBytes * 1.05 + keptRedisBytes)
    grown.push(`Redis takes ${after.redisBytes} bytes after ${before.redisBytes}`)
  for (const role of roles) {
    if (after.handles[role] > before.handles[role] * 1.05 + spareHandles)
      grown.push(`a ${role} has ${after.handles[role]} handles after ${before.handles[role]}`)
    if (after.memoryBytes[role] > before.memoryBytes[role] * 1.5 + 50_000_000)
      grown.push(`a ${role} takes ${after.memoryBytes[role]} bytes after ${before.memoryBytes[role]}`)
  }
  return grown.map((what) => ({ invariant: 'I14', what }))
}
