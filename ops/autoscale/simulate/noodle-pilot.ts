import { decide } from '../../../queue/domain/scaling/decide.ts'
import {
  learn,
  makeHistory,
  noteDecision,
  type ScalingHistory,
} from '../../../queue/domain/scaling/history.ts'
import { decisionSeconds, type ScalingPolicy } from '../../../queue/domain/scaling/policy.ts'
import {
  makeServiceTimes,
  meanSeconds,
  observe,
  remainingBy,
  usualRemainingSeconds,
} from '../../../queue/domain/scaling/service-times.ts'
import type { TaskDemand, TierSignals } from '../../../queue/domain/scaling/signals.ts'
import { leaveIdleFirst, toDesired } from './fleet.ts'
import type { Pilot } from './simulate.ts'
import type { Workload } from './workload.ts'

const startMs = 0

/** The product's policy at work on a simulated fleet: it is told what the platform would tell, and nothing else. */
export function makeNoodlePilot(
  workload: Workload,
  policy: ScalingPolicy,
): Pilot & { history: ScalingHistory } {
  const { arrivalAt, serviceSeconds, deadlineAt, slots, task, tasks } = workload
  const times = makeServiceTimes()
  const history = makeHistory(policy)
  const waiting = new Set<number>()
  const running = new Map<number, number>()
  const arrivals = { jobs: 0, slots: 0, slotSeconds: 0 }
  const starts = { jobs: 0, late: 0 }
  const hasDeadlines = deadlineAt.some((at) => at < Infinity)
  let now = 0
  const nameOf = (job: number): string => tasks[task[job] as number] as string

  const demandOf = (staying: ReadonlySet<number>): TaskDemand[] => {
    const byTask = new Map<string, TaskDemand & { left: number; width: number }>()
    const of = (job: number) => {
      const name = nameOf(job)
      let known = byTask.get(name)
      if (!known) {
        known = {
          task: name,
          waiting: 0,
          oldestWaitSeconds: 0,
          running: 0,
          leaving: 0,
          remainingSeconds: 0,
          usualRemainingSeconds: 0,
          serviceSeconds: meanSeconds(times, name),
          slots: 1,
          expiring: [],
          due: [],
          left: 0,
          width: 0,
        }
        byTask.set(name, known)
      }
      known.width += slots[job] as number
      return known
    }
    for (const job of waiting) {
      if (hasDeadlines && (deadlineAt[job] as number) <= now) {
        waiting.delete(job)
        continue
      }
      const known = of(job)
      known.waiting++
      known.oldestWaitSeconds = Math.max(known.oldestWaitSeconds, now - (arrivalAt[job] as number))
    }
    const remaining = new Map<string, (ageSeconds: number) => number>()
    for (const [job, startedAt] of running) {
      const known = of(job)
      known.running++
      if (!staying.has(job)) known.leaving++
      let left = remaining.get(known.task)
      if (!left) remaining.set(known.task, (left = remainingBy(times, known.task)))
      known.left += left(now - startedAt)
    }
    for (const known of byTask.values()) {
      known.slots = known.width / (known.waiting + known.running)
      if (known.running === 0) continue
      known.remainingSeconds = known.left / known.running
      known.usualRemainingSeconds = usualRemainingSeconds(times, known.task)
    }
    return [...byTask.values()]
  }

  return {
    everySeconds: decisionSeconds,
    history,
    onArrival(job) {
      waiting.add(job)
      arrivals.jobs++
      arrivals.slots += slots[job] as number
      arrivals.slotSeconds += (slots[job] as number) * meanSeconds(times, nameOf(job))
    },
    onStart(job, waitSeconds) {
      waiting.delete(job)
      starts.jobs++
      if (waitSeconds * 1000 > policy.targetWaitMs) starts.late++
      running.set(job, (arrivalAt[job] as number) + waitSeconds)
    },
    onEnd(job) {
      running.delete(job)
      observe(times, nameOf(job), serviceSeconds[job] as number)
    },
    steer(view) {
      now = view.now
      const signals: TierSignals = {
        tier: 'simulated',
        nowMs: startMs + now * 1000,
        demand: {
          tasks: demandOf(new Set(view.nodes.flatMap(({ jobs }) => jobs))),
          arrivals: { ...arrivals },
          starts: { ...starts },
        },
        fleet: {
          slotsPerNode: view.slotsPerNode,
          ready: view.ready,
          startingSeconds: view.nodes.flatMap((node) =>
            node.state === 'starting' ? now - node.askedAt : [],
          ),
          draining: view.draining,
          coldStartSeconds: view.coldStartSeconds,
        },
        usage: null,
      }
      Object.assign(arrivals, { jobs: 0, slots: 0, slotSeconds: 0 })
      Object.assign(starts, { jobs: 0, late: 0 })
      learn(history, signals, policy)
      const { desired } = decide(signals, policy, history)
      noteDecision(history, signals, desired)
      return toDesired(view, desired, leaveIdleFirst, 'drain')
    },
  }
}
