import type { DrivenNode } from './drivers/node-driver.ts'
import type { WatchedNode } from './steer.ts'

/** Remembers of the driver's nodes since when they are missing, by this process' own clock: jumps of the machine's clock change nothing. */
export interface NodeWatch {
  /** `live` are the ids of the nodes that the registry calls live. Nodes that are gone are forgotten. */
  look(driven: readonly DrivenNode[], live: ReadonlySet<string>, nowMs: number): WatchedNode[]
}

export function makeNodeWatch(): NodeWatch {
  let known = new Map<string, { hasBeenUp: boolean; sinceMs: number }>()
  return {
    look(driven, live, nowMs) {
      const next: typeof known = new Map()
      const watched = driven.map((node) => {
        const isLive = live.has(node.id)
        const before = known.get(node.id) ?? { hasBeenUp: false, sinceMs: nowMs }
        const now = isLive ? { hasBeenUp: true, sinceMs: nowMs } : before
        next.set(node.id, now)
        return { ...node, hasBeenUp: now.hasBeenUp, missingMs: nowMs - now.sinceMs }
      })
      known = next
      return watched
    },
  }
}
