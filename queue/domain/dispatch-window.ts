/*
 * How much of a tier's backlog stands in Redis ready to run, and how it is packed (../../docs/adr/0004-dispatch.md).
 */

/** What the window shall hold, in seconds of the tier's drain rate: enough to bridge a dispatcher that is late, little enough to stay small. */
const windowSeconds = 1.5
/** So that a tier without nodes, or whose nodes are new, has something at hand. */
const leastWindow = 32
/** Each slot has one job running and one at hand. */
export const jobsPerSlot = 2

/** Jobs that may stand in Redis for a tier: what it drains in a moment, at least twice its slots, at most the limit. */
export function windowSize(tier: { slots: number; drainPerSecond: number; limit: number }): number {
  const wanted = Math.max(
    leastWindow,
    tier.slots * jobsPerSlot,
    Math.ceil(tier.drainPerSecond * windowSeconds),
  )
  return Math.min(tier.limit, wanted)
}

/** Most ids in a delivery, and how much work they may be for the slot that takes them one after the other. Of no-op jobs 128 are worked off a tenth faster than 32. */
const mostPerDelivery = 128
const workPerDeliveryMs = 100
/** Work that is worth no delivery of its own, though a slot may be free elsewhere: to carry a delivery costs about a fiftieth of this. */
const briefWorkMs = 5

/** How many jobs of a task may travel in one delivery: `brief` while slots may be free, `most` when they are all taken. */
export interface DeliverySize {
  brief: number
  most: number
}

/** Of a task that is not known, or not to be short. */
export const alone: DeliverySize = { brief: 1, most: 1 }

export function deliverySize(serviceMs: number): DeliverySize {
  const fitting = (workMs: number): number =>
    Math.max(1, Math.min(mostPerDelivery, Math.floor(workMs / Math.max(serviceMs, 0.1))))
  return { brief: fitting(briefWorkMs), most: fitting(workPerDeliveryMs) }
}

/** Deliveries that are needed for every slot to have one: below that, jobs travel alone, but for the briefest. */
export const deliveriesWanted = (tier: { slots: number; queued: number }): number =>
  Math.max(1, tier.slots * jobsPerSlot - tier.queued)

/** A window is filled up again before it is empty: when about a third of it has been drained, in ms. */
export function refillAfterMs(tier: { window: number; drainPerSecond: number }): number {
  const drainMs = (tier.window / Math.max(tier.drainPerSecond, 1)) * 1000
  return Math.min(250, Math.max(5, drainMs / 3))
}
