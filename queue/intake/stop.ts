/** Why a run must end before its time, and how long its processes get between SIGTERM and SIGKILL; 0 kills at once. */
export interface Stop {
  reason: 'timeout' | 'cancelled' | 'stopping' | 'lease lost'
  killGraceMs: number
}

/** The Stop that a signal was aborted with. */
export const stopOf = (signal: AbortSignal): Stop => signal.reason as Stop
