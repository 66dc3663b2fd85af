import type { TaskProfiles } from '../store/task-profiles.ts'

/** How long jobs of each task hold a slot here, for those who pack deliveries. */
export interface ServiceTimes {
  observe(tier: string, task: string, ms: number): void
}

interface TierTimes {
  tasks: Map<string, { mean: number; deviation: number }>
  toldAtMs: number
}

/** Weight of the newest job; about the last twenty count. */
const newest = 0.1
const toldEveryMs = 1000

/**
 * Keeps, per tier and task, an estimate that most jobs stay under: the mean and twice the mean deviation, both exponentially weighted (as round trip
 * times are estimated: Jacobson, "Congestion Avoidance and Control", 1988). Tells it once a second while jobs end.
 */
export function makeServiceTimes(profiles: TaskProfiles): ServiceTimes {
  const tiers = new Map<string, TierTimes>()

  return {
    observe(tier, task, ms) {
      const known: TierTimes = tiers.get(tier) ?? { tasks: new Map(), toldAtMs: -Infinity }
      tiers.set(tier, known)
      const { mean, deviation } = known.tasks.get(task) ?? { mean: ms, deviation: 0 }
      const distance = ms - mean
      known.tasks.set(task, {
        mean: mean + newest * distance,
        deviation: deviation + newest * (Math.abs(distance) - deviation),
      })
      if (performance.now() - known.toldAtMs < toldEveryMs) return
      known.toldAtMs = performance.now()
      profiles.tell(
        tier,
        new Map([...known.tasks].map(([name, time]) => [name, time.mean + 2 * time.deviation])),
      )
    },
  }
}
