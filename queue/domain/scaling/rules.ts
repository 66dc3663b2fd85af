/*
 * The rules among which the policy chooses: each says how many slots are wanted in a situation. All is computed in slots that are in use, or would be.
 */

export interface Rule {
  /** Spare capacity over the forecast load, in its standard deviations (square-root staffing). */
  headroom: number
  /** Keeps at least this share of a peak: of the largest load of the last `holdSeconds`, or of what this time of the day had on days before. */
  holdShare: number
  /** 0 for none, and `season` for the time of the day. */
  holdSeconds: number
  /** Target waits, and cold starts, that a queue may take once the nodes that are asked for now are up. */
  patience: number
  coldStarts: number
  /** By then it is worked off, with what flows in meanwhile; else it is enough that those who wait now have started. */
  worksOff: boolean
}

const headrooms = [-1, 0, 1, 2, 3] as const
/** Windows over which the largest load is known, in s. */
export const holdWindows = [60, 300, 1800, 14_400, 86_400] as const
export const season = -1
const holds = [
  [0, 0],
  [60, 1],
  [300, 0.5],
  [300, 0.75],
  [300, 1],
  [1800, 0.5],
  [1800, 0.75],
  [1800, 1],
  [14_400, 0.5],
  [14_400, 0.75],
  [14_400, 1],
  [86_400, 0.5],
  [86_400, 0.75],
  [86_400, 1],
  [season, 0.5],
  [season, 1],
] as const
const patiences = [
  { patience: 0, coldStarts: 0.1, worksOff: true },
  { patience: 0.5, coldStarts: 0, worksOff: false },
  { patience: 0.75, coldStarts: 0, worksOff: false },
] as const

export const rules: readonly Rule[] = headrooms.flatMap((headroom) =>
  holds.flatMap(([holdSeconds, holdShare]) =>
    patiences.map((patience) => ({ headroom, holdSeconds, holdShare, ...patience })),
  ),
)

const { max, min } = Math

/** Slots throughout; times in s. */
export interface Situation {
  /** Slots that the jobs in the system, waiting and running, ask for. */
  inSystem: number
  /** Slots of the nodes that take jobs and of those that are on their way. */
  supply: number
  /** Forecast of the load for when a node comes up that is asked for now: slots that would be in use if nothing waited. */
  load: number
  serviceSeconds: number
  coldStartSeconds: number
  /** exp(-coldStartSeconds / serviceSeconds): how much of what is in the system now will be then. */
  remains: number
  /** How fast slots come free until then: the mean time that their jobs have left. */
  drainSeconds: number
}

/**
 * Slots that the jobs in the system will ask for when a node comes up that is asked for now, if none is: a fluid that flows in at `load` and drains
 * through the slots that there are.
 */
export function inSystemThen(situation: Situation): number {
  const { inSystem, supply, load, serviceSeconds, coldStartSeconds, remains } = situation
  if (inSystem > supply) {
    const comes = (load * coldStartSeconds) / serviceSeconds
    const goes = (supply * coldStartSeconds) / situation.drainSeconds
    return max(min(load, supply), inSystem + comes - goes)
  }
  const settled = load + (inSystem - load) * remains
  // Only the part of the time after the slots were full makes a queue.
  return settled <= supply
    ? settled
    : supply + ((load - supply) * max(0, coldStartSeconds - serviceSeconds)) / serviceSeconds
}

/**
 * Slots that a queue needs which shall be worked off within `withinSeconds` of then: the mean of what is in the system and of what flows in, weighted by
 * how often a slot is used in that time. Without `worksOff` what flows in is left for later, and the last of the queue starts by then. 0 where those that
 * there are suffice: no node is started for work that starts sooner elsewhere.
 */
export function slotsForQueue(situation: Situation, withinSeconds: number, worksOff = true): number {
  const inSystem = inSystemThen(situation)
  if (inSystem <= situation.supply) return 0
  const turns = withinSeconds / situation.serviceSeconds
  return (inSystem + (worksOff ? situation.load * turns : 0)) / (1 + turns)
}
