import type { Job } from './contract.ts'

/** What is known of the tasks: payload and result of each, by name. Such as `interface Tasks { resize: { payload: { width: number }; result: { bytes: number } } }`. */
export type TaskMap<Tasks> = { [Name in keyof Tasks]: { payload: unknown; result: unknown } }

/** Any task with any payload, for clients that were told of none. */
export type AnyTasks = Record<string, { payload: unknown; result: unknown }>

export type TaskName<Tasks> = keyof Tasks & string

/** A job of one of these tasks. With several names it is told apart by `task`. */
export type JobOf<Tasks extends TaskMap<Tasks>, Name extends TaskName<Tasks> = TaskName<Tasks>> = {
  [One in Name]: Job<One, Tasks[One]['payload'], Tasks[One]['result']>
}[Name]

/** What a submission may say beside task and payload. What it leaves out is as the task has it by default. */
export interface JobOptions {
  /** light runs on the tier small, medium on medium, heavy on heavy. */
  requirement?: 'light' | 'medium' | 'heavy' | undefined
  /** The job goes to the smallest tier that has them. `memoryMb` in MiB; a `gpu` below 1 is a part of one. */
  resources?:
    { cpu?: number | undefined; memoryMb?: number | undefined; gpu?: number | undefined } | undefined
  /** 0 to 9; 9 runs first. Default 5. */
  priority?: number | undefined
  /** Not before. ISO 8601. */
  runAt?: string | undefined
  /** Not before so many ms from now. */
  delayMs?: number | undefined
  /** How long an attempt may run, in ms. Default an hour. */
  timeoutMs?: number | undefined
  /** Not started by then it expires. ISO 8601. */
  expiresAt?: string | undefined
  retry?:
    | {
        /** Default 3. */
        maxAttempts?: number | undefined
        /** Default 1000. */
        backoffMs?: number | undefined
        /** Default exponential, with full jitter. */
        strategy?: 'fixed' | 'exponential' | undefined
        /** After it ran out of memory, try again on the next larger tier. */
        escalateTier?: boolean | undefined
      }
    | undefined
  labels?: Record<string, string> | undefined
  /** For deterministic tasks: an equal job that ended no longer ago may answer. */
  cache?: { ttlSeconds: number } | undefined
}

/** How any call may be ended early: it throws the signal's reason then. */
export interface CallOptions {
  signal?: AbortSignal | undefined
}

/** How a submission is sent. */
export interface SendOptions extends CallOptions {
  /**
   * The same key with the same job gives the first job again, for 24 hours. By default a new one for each call, which all its tries carry, so that the
   * job is there once, however often its answer is lost.
   */
  idempotencyKey?: string | undefined
  /** How long the answer may wait for the end of the job: 0 to 60 s. Default 0. */
  waitSeconds?: number | undefined
}

export interface SubmitOptions extends JobOptions, SendOptions {}

/** A job of a batch. */
export type BatchItem<Tasks extends TaskMap<Tasks>> = {
  [Name in TaskName<Tasks>]: JobOptions &
    PayloadField<Tasks[Name]['payload']> & {
      task: Name
      /** As in `SendOptions`, for this job. */
      idempotencyKey?: string | undefined
    }
}[TaskName<Tasks>]

type PayloadField<Payload> = undefined extends Payload ? { payload?: Payload } : { payload: Payload }

/** The payload and options of a submission; a payload that may be undefined may be left out. */
export type SubmitArguments<Payload> = undefined extends Payload
  ? [payload?: Payload, options?: SubmitOptions]
  : [payload: Payload, options?: SubmitOptions]

/** Which jobs a list shows. */
export interface JobFilter {
  state?: Job['state'] | readonly Job['state'][] | undefined
  task?: string | readonly string[] | undefined
  tier?: string | readonly string[] | undefined
  /** All of them must be there. */
  labels?: Record<string, string> | undefined
  createdAfter?: string | undefined
  createdBefore?: string | undefined
  /** Text in payload, error or labels, in any case. */
  q?: string | undefined
  /** For admins, who see all tenants. */
  tenant?: string | undefined
}
