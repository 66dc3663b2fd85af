import type { z } from 'zod'

/*
 * What the file of a task imports: `import { defineTask } from 'noodle/task'`. It does nothing but give the task its types.
 */

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** What a task gets for a run. */
export interface RunContext<Input> {
  /** Of the job. */
  id: string
  /** From 1. */
  attempt: number
  /** Grows with every start of the job; for stores outside that shall refuse an earlier one. */
  fence: number
  /** As the task's schema reads it, with its defaults. */
  input: Input
  /** Aborted when the run must end: cancelled, out of time, or its node stops. SIGKILL follows after a grace of some seconds. */
  signal: AbortSignal
  /** How far it is, 0 to 100, with a word about it. As often as you like: the newest is stored, twice a second at most. */
  progress(percent: number, note?: string): void
  /** A line for the job's log; so is what the task prints. */
  log(message: string, level?: 'debug' | 'info' | 'warn' | 'error'): void
  /** Tells that it is alive, for tasks with `defaults.silenceMs`; everything that it tells does so. */
  heartbeat(): void
  /** Keeps a value for the next attempt. Resolves once it is stored; it need not be waited for. Rejects when it is too large. */
  checkpoint(value: unknown): Promise<void>
  /** What an earlier attempt kept last; null when none did. */
  lastCheckpoint: Json
  /** Secrets of the job's tenant, of those that the task declares. They are hidden in logs and errors; a result or a checkpoint must not hold one. */
  secrets: {
    /** @throws PermanentFailure for a name that the task does not declare */
    get(name: string): string
  }
  /** The GPUs that are the run's own: indexes, or UUIDs where the node names its GPUs so. */
  gpus: (number | string)[]
  /** An empty folder, which is the present one, HOME and TMPDIR too; it is removed after the run. */
  scratch: string
  /** Another empty folder: files that the run leaves there are kept, and can be downloaded. */
  artifacts: string
  /** How long the run may take. */
  timeoutMs: number
}

export interface TaskToDefine<Input extends z.ZodType, Output extends z.ZodType> {
  /** A letter, then letters, digits, dots, dashes or underscores, at most 128. */
  name: string
  /** '1' by default. */
  version?: string
  description?: string
  /** Of the payload: it is published as JSON Schema, so that gateways refuse what does not fit. Any JSON by default. */
  input?: Input
  /** Of the result; a result that does not fit fails the job. */
  output?: Output
  /** Names of the secrets that it gets; each tenant sets its own by `noodle secrets set`. */
  secrets?: string[]
  /** True: equal inputs give equal outputs, so that a job with `cache` may get the result of an earlier one. Raise the version when the outputs change. */
  deterministic?: boolean
  /** What holds for its jobs where a submission is silent. */
  defaults?: {
    timeoutMs?: number
    retry?: {
      maxAttempts?: number
      backoffMs?: number
      strategy?: 'fixed' | 'exponential'
      escalateTier?: boolean
    }
    resources?: { cpu?: number; memoryMb?: number; gpu?: number }
    priority?: number
    /** A run that tells nothing for so long has failed. */
    silenceMs?: number
  }
  /** Its result is what it answers; null for nothing. An error is a failed attempt, a PermanentFailure the last one. */
  run(context: RunContext<z.output<Input>>): Promise<z.input<Output>> | z.input<Output>
}

/** A failure after which no further attempt would help. */
export class PermanentFailure extends Error {
  override readonly name = 'PermanentFailure'
}

export function defineTask<Input extends z.ZodType, Output extends z.ZodType>(
  task: TaskToDefine<Input, Output>,
): TaskToDefine<Input, Output> {
  return task
}
