import { leaveNewestFirst, toDesired } from '../fleet.ts'
import type { Pilot } from '../simulate.ts'
import { podGraceSeconds } from './pod-grace.ts'
import { makeUseMeter } from './use-meter.ts'

/**
 * One worker more when over 75 % of the slots were in use within 2 minutes, one less under 25 %, at most one change a minute (Hatchet, "Autoscaling with
 * Hatchet Compute": rolling window 2m, wait 1m, thresholds 0.75 and 0.25, increment 1).
 */
export function makeUtilisation(): Pilot {
  const meter = makeUseMeter(120)
  let changedAt = -Infinity
  return {
    everySeconds: 10,
    steer(view) {
      const use = meter(view)
      const have = view.nodes.length
      let desired = have
      if (have === 0 && view.waiting > 0) desired = 1
      else if (view.now - changedAt >= 60) {
        if (use > 0.75) desired = have + 1
        else if (use < 0.25) desired = have - 1
      }
      const change = toDesired(view, desired, leaveNewestFirst, podGraceSeconds)
      if (change.start > 0 || change.remove.length > 0) changedAt = view.now
      return change
    },
  }
}
