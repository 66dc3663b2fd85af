/*
 * The life of a job (../../docs/job-states.md has the picture). Every change of state in the platform is one row of `transitions`;
 * the statement that carries it out stands in queue/store/jobs under the name of its row. Terminal states are absorbing.
 */

export const jobStates = [
  'blocked',
  'pending',
  'queued',
  'running',
  'succeeded',
  'failed',
  'cancelled',
  'expired',
] as const
export type JobState = (typeof jobStates)[number]

export const terminalStates = [
  'succeeded',
  'failed',
  'cancelled',
  'expired',
] as const satisfies readonly JobState[]
export type TerminalState = (typeof terminalStates)[number]

export const isTerminal = (state: JobState): state is TerminalState =>
  (terminalStates as readonly JobState[]).includes(state)

interface Transition {
  from: readonly JobState[]
  to: readonly JobState[]
  /** The only one who may write it. */
  writer: 'gateway' | 'dispatcher' | 'delivery holder' | 'holder' | 'reaper' | 'sweeper' | 'node'
  /** What must hold in the row at that moment, besides `from`. */
  guard: string
}

/** T9 sets the flag `cancel_requested_at` of a running job and changes no state; T11 arrives with workflows. */
export const transitions = {
  T1: {
    from: [],
    to: ['pending'],
    writer: 'gateway',
    guard: 'job, idempotency key and event commit together; 202 only after that',
  },
  T2: {
    from: ['pending'],
    to: ['queued'],
    writer: 'dispatcher',
    guard: 'due, and the window has room; dispatch_seq + 1',
  },
  T3: {
    from: ['queued'],
    to: ['running'],
    writer: 'delivery holder',
    guard: 'not expired; its own node row is live and locked; fence grows; boot id stored',
  },
  T4: { from: ['running'], to: ['succeeded'], writer: 'holder', guard: 'fence and boot are mine' },
  T5: {
    from: ['running'],
    to: ['pending', 'failed', 'cancelled'],
    writer: 'holder',
    guard:
      'as T4; cancelled when flagged, else failed when attempts are spent or the error is final; with `escalateTier` on to a larger tier when memory ran out',
  },
  T6: {
    from: ['running'],
    to: ['pending', 'failed', 'cancelled'],
    writer: 'holder',
    guard: 'as T4; costs no attempt; cancelled when flagged; failed after too many hand-backs',
  },
  T7: {
    from: ['running'],
    to: ['pending', 'failed', 'cancelled'],
    writer: 'reaper',
    guard: 'its boot has no live node row; cancelled when flagged; failed at the crash limit',
  },
  T8: {
    from: ['blocked', 'pending', 'queued'],
    to: ['cancelled'],
    writer: 'gateway',
    guard: 'none: the row decides the race with T3',
  },
  T10: {
    from: ['blocked', 'pending', 'queued'],
    to: ['expired'],
    writer: 'sweeper',
    guard: 'expires_at < now()',
  },
  T12: {
    from: ['queued'],
    to: ['pending'],
    writer: 'delivery holder',
    guard: 'dispatch_seq is mine; costs nothing',
  },
  T13: {
    from: ['pending', 'queued'],
    to: ['running'],
    writer: 'node',
    guard: "Redis is away; ready, and T3's guard; both events",
  },
  T14: {
    from: ['pending'],
    to: ['succeeded'],
    writer: 'gateway',
    guard:
      'in the statement of T1 only; due; an equal job of the tenant succeeded by running, no longer ago than cache.ttlSeconds',
  },
} as const satisfies Record<string, Transition>

/** True when some row of the table leads from one state to the other. */
export function canMove(from: JobState | null, to: JobState): boolean {
  return Object.values<Transition>(transitions).some(
    (row) => (from === null ? row.from.length === 0 : row.from.includes(from)) && row.to.includes(to),
  )
}

/** Where a running job goes that stops without success, unless its cancel flag is set: the flag wins over both. */
export type NextAfterFailure =
  { state: 'pending'; delayMs: number; escalation?: Escalation } | { state: 'failed' }

/** With what a job goes on that ran out of memory: its new tier, and what it asks for there. */
export interface Escalation {
  tier: string
  /** MiB. */
  memoryMb: number
}

/** T5: the task failed. `failures` counts those before this one. */
export function afterFailure(
  job: { failures: number; maxAttempts: number },
  failure: { isFinal: boolean; delayMs: number },
): NextAfterFailure {
  if (failure.isFinal || job.failures + 1 >= job.maxAttempts) return { state: 'failed' }
  return { state: 'pending', delayMs: failure.delayMs }
}

/** T6: the node stops, or never knew that it held the job. */
export function afterHandBack(job: { handBacks: number }, limit: number): NextAfterFailure {
  return job.handBacks + 1 >= limit ? { state: 'failed' } : { state: 'pending', delayMs: 0 }
}

/**
 * So many crashes make a job a suspect: one more and it fails. It may only have been beside the one that brought its node down, so it runs alone then,
 * and is not blamed for another again. Never from the first run: with a limit of 1 nobody is given the benefit of the doubt.
 */
export const suspectFrom = (crashLimit: number): number => Math.max(1, crashLimit - 1)

/** T7: the node died. */
export function afterCrash(job: { crashes: number }, limit: number): NextAfterFailure {
  return job.crashes + 1 >= limit ? { state: 'failed' } : { state: 'pending', delayMs: 0 }
}
