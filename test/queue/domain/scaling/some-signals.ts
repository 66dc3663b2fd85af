import type { Demand, Fleet, TaskDemand, TierSignals } from '../../../../queue/domain/scaling/signals.ts'

/** A moment in a tier of nodes with 4 slots and a cold start of a minute; nothing waits or runs unless said. */
export const someSignals = (
  given: {
    nowMs?: number
    tasks?: readonly Partial<TaskDemand>[]
    demand?: Partial<Demand> | null
    fleet?: Partial<Fleet> | null
    usage?: TierSignals['usage']
  } = {},
): TierSignals => ({
  tier: 'small',
  nowMs: given.nowMs ?? Date.UTC(2026, 10, 23, 12),
  demand:
    given.demand === null
      ? null
      : {
          tasks: (given.tasks ?? []).map(aTask),
          arrivals: { jobs: 0, slots: 0, slotSeconds: 0 },
          starts: { jobs: 0, late: 0 },
          ...given.demand,
        },
  fleet:
    given.fleet === null
      ? null
      : { slotsPerNode: 4, ready: 2, startingSeconds: [], draining: 0, coldStartSeconds: 60, ...given.fleet },
  usage: given.usage ?? null,
})

const aTask = (task: Partial<TaskDemand>): TaskDemand => ({
  task: 'render',
  waiting: 0,
  oldestWaitSeconds: 0,
  running: 0,
  leaving: 0,
  remainingSeconds: 10,
  usualRemainingSeconds: 10,
  serviceSeconds: 20,
  slots: 1,
  expiring: [],
  due: [],
  ...task,
})
