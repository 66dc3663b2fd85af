import { leaveIdleFirst, toDesired } from '../fleet.ts'
import type { FleetSettings, Pilot } from '../simulate.ts'
import type { Workload } from '../workload.ts'

/** As many nodes, all the time, as the workload needs at its peak for no job to wait. It knows the future, as who sizes by hand believes to. */
export function makeFixedPeak(workload: Workload, { slotsPerNode }: FleetSettings): Pilot {
  const nodes = Math.ceil(peakSlots(workload) / slotsPerNode)
  return { everySeconds: 60, steer: (view) => toDesired(view, nodes, leaveIdleFirst, 'drain') }
}

/** The most slots that are in use at once when no job waits. */
export function peakSlots({ count, arrivalAt, serviceSeconds, slots }: Workload): number {
  const changes: [at: number, slots: number][] = []
  for (let job = 0; job < count; job++) {
    const at = arrivalAt[job] as number
    changes.push([at, slots[job] as number], [at + (serviceSeconds[job] as number), -(slots[job] as number)])
  }
  let used = 0
  let most = 0
  for (const [, change] of changes.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    used += change
    most = Math.max(most, used)
  }
  return most
}
