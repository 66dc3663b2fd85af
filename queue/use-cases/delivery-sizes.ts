import { performance } from 'node:perf_hooks'
import { type DeliverySize, deliverySize } from '../domain/dispatch-window.ts'
import type { QueueDeps } from './queue-deps.ts'

export type DeliverySizes = ReadonlyMap<string, DeliverySize>

/** How many jobs of each task may share a delivery, as workers' service times tell; a second old at most while it is asked for. */
export interface DeliverySizesView {
  /** By task; empty when nothing is known. */
  read(tier: string): Promise<DeliverySizes>
  /** As it was read last, without waiting; what is too old is read anew in the background. */
  latest(tier: string): DeliverySizes
}

const maxAgeMs = 1000

export function makeDeliverySizesView(deps: Pick<QueueDeps, 'taskProfiles'>): DeliverySizesView {
  const latest = new Map<string, DeliverySizes>()
  const readings = new Map<string, { reading: Promise<DeliverySizes>; sinceMs: number }>()

  function read(tier: string): Promise<DeliverySizes> {
    const last = readings.get(tier)
    if (last && performance.now() - last.sinceMs < maxAgeMs) return last.reading
    const reading = deps.taskProfiles.read(tier).then((serviceMs) => {
      const sizes = new Map([...serviceMs].map(([task, ms]) => [task, deliverySize(ms)]))
      latest.set(tier, sizes)
      return sizes
    })
    readings.set(tier, { reading, sinceMs: performance.now() })
    return reading
  }

  return {
    read,
    latest(tier) {
      void read(tier)
      return latest.get(tier) ?? new Map()
    },
  }
}
