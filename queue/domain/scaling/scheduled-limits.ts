import { Cron } from 'croner'
import type { ScalingPolicy, ScheduledLimits } from './policy.ts'

/** The limits that hold now. A schedule that crosses the other limit moves it along: a `min` of 20 raises a `max` of 16. */
export function limitsAt(
  policy: Pick<ScalingPolicy, 'min' | 'max' | 'schedules'>,
  nowMs: number,
): { min: number; max: number; isScheduled: boolean } {
  let { min, max } = policy
  let isScheduled = false
  for (const schedule of policy.schedules) {
    if (!holdsAt(schedule, nowMs)) continue
    isScheduled = true
    if (schedule.max !== undefined) {
      max = schedule.max
      min = Math.min(min, max)
    }
    if (schedule.min !== undefined) {
      min = schedule.min
      max = Math.max(min, max)
    }
  }
  return { min, max, isScheduled }
}

/** True when it began within its last `minutes`. */
function holdsAt({ cron, timezone, minutes }: ScheduledLimits, nowMs: number): boolean {
  const began = new Cron(cron, { timezone, paused: true }).nextRun(new Date(nowMs - minutes * 60_000))
  return began !== null && began.getTime() <= nowMs
}
