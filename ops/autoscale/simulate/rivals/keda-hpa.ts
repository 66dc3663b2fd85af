import { leaveNewestFirst, toDesired } from '../fleet.ts'
import type { FleetSettings, Pilot } from '../simulate.ts'
import { podGraceSeconds } from './pod-grace.ts'

const syncSeconds = 15
const tolerance = 0.1
const stabilizationSeconds = 300
const cooldownPeriodSeconds = 300

/**
 * KEDA with a list's length, one node for each `slotsPerNode` jobs that wait, and the Horizontal Pod Autoscaler with its defaults: a sync each 15 s, a
 * tolerance of 10 %, at most double or 4 pods more each 15 s, and the largest recommendation of the last 300 s on the way down (Kubernetes, "Horizontal Pod Autoscaling";
 * KEDA, "Scaling Deployments" and "Redis Lists"). Between none and one KEDA itself acts: after a poll that finds a job, and 300 s without any.
 */
export function makeKedaHpa(_: unknown, { slotsPerNode }: FleetSettings): Pilot {
  let recommendations: { at: number; pods: number }[] = []
  let activeAt = -Infinity
  return {
    everySeconds: syncSeconds,
    steer(view) {
      const have = view.nodes.length
      const depth = view.waiting
      if (depth > 0) activeAt = view.now
      const least = Math.max(1, view.min)
      if (have === 0) return toDesired(view, depth > 0 ? least : 0, leaveNewestFirst, podGraceSeconds)
      if (view.min === 0 && depth === 0 && view.now - activeAt >= cooldownPeriodSeconds)
        return toDesired(view, 0, leaveNewestFirst, podGraceSeconds)
      const ratio = depth / (slotsPerNode * have)
      const wanted = Math.abs(ratio - 1) <= tolerance ? have : Math.ceil(depth / slotsPerNode)
      const pods = Math.min(view.max, Math.max(least, wanted))
      recommendations = recommendations.filter(({ at }) => at > view.now - stabilizationSeconds)
      recommendations.push({ at: view.now, pods })
      const stable = Math.max(pods, Math.min(have, Math.max(...recommendations.map((one) => one.pods))))
      const limited = Math.min(stable, Math.max(2 * have, have + 4))
      return toDesired(view, limited, leaveNewestFirst, podGraceSeconds)
    },
  }
}
