import type { FleetView } from '../fleet.ts'

/** The mean share of the ready nodes' slots that was in use within the last `seconds`, at the times that it is called. */
export function makeUseMeter(seconds: number): (view: FleetView) => number {
  const samples: { at: number; use: number }[] = []
  return ({ now, usedSlots, ready, slotsPerNode }) => {
    samples.push({ at: now, use: ready > 0 ? usedSlots / (ready * slotsPerNode) : 0 })
    while ((samples[0]?.at ?? now) <= now - seconds) samples.shift()
    return samples.reduce((sum, { use }) => sum + use, 0) / samples.length
  }
}
