import { leaveNewestFirst, toDesired } from '../fleet.ts'
import type { Pilot } from '../simulate.ts'
import { podGraceSeconds } from './pod-grace.ts'
import { makeUseMeter } from './use-meter.ts'

/**
 * Simple scaling by alarms: one node more when the mean CPU of a minute is over 80 %, one less when it is under 30 %, and nothing for 300 s after either
 * (Amazon EC2 Auto Scaling, "Step and simple scaling policies": default cooldown 300 s). CPU is the share of slots in use.
 */
export function makeCpuThreshold(): Pilot {
  const meter = makeUseMeter(60)
  let changedAt = -Infinity
  return {
    everySeconds: 10,
    steer(view) {
      const use = meter(view)
      const have = view.nodes.length
      const isStuck = view.ready === 0 && view.starting === 0 && view.waiting > 0
      let desired = have
      if (isStuck) desired = 1
      else if (view.now % 60 === 0 && view.now - changedAt >= 300) {
        if (use > 0.8) desired = have + 1
        else if (use < 0.3) desired = have - 1
      }
      const change = toDesired(view, desired, leaveNewestFirst, podGraceSeconds)
      if (change.start > 0 || change.remove.length > 0) changedAt = view.now
      return change
    },
  }
}
