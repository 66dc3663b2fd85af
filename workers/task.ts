import type { JobErrorCode } from '../queue/domain/job-errors.ts'
import type { ClaimedJob, Json, Usage } from '../queue/domain/job.ts'
import type { GpuId, TaskOffer } from '../queue/domain/node.ts'
import type { RunLimits } from '../queue/intake/slots.ts'

/** What a task does on this node. It ends in one of three ways: it returns its result, throws PermanentFailure, or throws anything else (retry while attempts last). */
export interface Task {
  /** How it stands in the catalogue. */
  offer: TaskOffer
  /** Must end soon once `context.signal` is aborted, by returning or by throwing; what it says then is not believed. */
  run(context: TaskContext): Promise<Json>
}

/** Takes the output of a run for its log. */
export interface LogSink {
  /** Output of a program as it comes, in pieces of any size: lines are cut at line ends, what is not UTF-8 becomes U+FFFD. */
  write(stream: 'stdout' | 'stderr', piece: Buffer): void
  /** What a task tells by itself; each line of the text is a line of the log. */
  tell(text: string): void
}

export interface TaskContext {
  job: ClaimedJob
  /** The GPUs that are its own, or that it has a share of. */
  gpus: readonly GpuId[]
  /** For the processes that it starts; null: none. */
  limits: RunLimits | null
  /** Aborted when the run must end before its time. `reason` is a Stop. */
  signal: AbortSignal
  /** Where the run's lines go. Never waits, never throws. */
  log: LogSink
  /** How far it is, 0 to 100, with a word about it. The newest counts; it is stored twice a second at most. */
  progress: (percent: number, note?: string) => void
  /** Keeps a value for the next attempt, in place of the one before. Resolves with true once it is stored, with false when it can't be any more. Never rejects. */
  checkpoint: (value: Json) => Promise<boolean>
  /** What an earlier attempt kept last, or null. */
  lastCheckpoint: () => Promise<Json>
  /** Values of the secrets that the task has declared, by name. They must not get into an environment, arguments, or files that others read. */
  secrets: Readonly<Record<string, string>>
  /** Hides these values in a text. What goes to the log, notes and messages of errors are hidden anyway; what is cut before must be hidden before. */
  redact: (text: string) => string
  /**
   * Keeps the files of a folder as the run's artifacts; of a run that has failed as much as can be, and then it never rejects.
   * @throws PermanentFailure ARTIFACTS_TOO_LARGE, TaskFailure BLOBS_UNAVAILABLE
   */
  keepArtifacts: (folder: string, how: { hasFailed: boolean }) => Promise<void>
  /** What the run has used besides time and GPUs, as far as the task can measure it. The last call counts. */
  recordUsage: (usage: Omit<Usage, 'wallMs' | 'gpuSeconds'>) => void
  /** How its processes ended that were stopped, such as `SIGTERM, exit 143`; for the job's timeline. */
  recordStop: (how: string) => void
}

/** A failed attempt with a code of its own; another attempt may help. Any other error has the code TASK_ERROR. */
export class TaskFailure extends Error {
  readonly code: JobErrorCode

  constructor(code: JobErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'TaskFailure'
    this.code = code
  }
}

/** A failed attempt after which no further one would help. */
export class PermanentFailure extends TaskFailure {
  constructor(code: JobErrorCode, message: string, cause?: unknown) {
    super(code, message, cause)
    this.name = 'PermanentFailure'
  }
}
