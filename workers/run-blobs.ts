import type { BlobRef } from '../queue/domain/blob.ts'
import type { ClaimedJob, Json } from '../queue/domain/job.ts'
import type { Run } from '../queue/intake/runs.ts'
import { persist } from './persist.ts'
import type { Platform } from './platform.ts'
import { type ArtifactDeps, type ArtifactLimits, keepArtifacts } from './run-artifacts.ts'
import type { LogSink } from './task.ts'

/** What a run has in the blob store: a payload or a result too large for its row, and its artifacts. */
export interface RunBlobs {
  /** The payload of a job, fetched where it is kept as a blob. @throws TaskFailure BLOB_LOST, BLOBS_UNAVAILABLE */
  payloadOf(job: ClaimedJob, signal: AbortSignal): Promise<Json>
  /** Stores a result, told as JSON, if it is too large for a row; null when it is not. @throws TaskFailure BLOBS_UNAVAILABLE */
  keepResult(job: ClaimedJob, text: string, signal: AbortSignal): Promise<BlobRef | null>
  /** As TaskContext has it. `log` is told what is left out. */
  keepArtifacts(
    run: Pick<Run, 'job' | 'boot'>,
    folder: string,
    options: { log: LogSink; signal: AbortSignal; hasFailed: boolean },
  ): Promise<void>
}

export type BlobDeps = ArtifactDeps & {
  platform: Pick<Platform, 'readPayload' | 'putResult' | 'settings'>
}

export interface Patience {
  /** For how long a payload is asked for while the store is away; then the attempt has failed, and the job waits for its next. */
  payloadMs: number
  /** For how long a result is kept; longer, since it cost a whole run. */
  resultMs: number
}

const usualPatience: Patience = { payloadMs: 30_000, resultMs: 600_000 }

export function makeRunBlobs(
  deps: BlobDeps,
  limits: ArtifactLimits,
  patience: Patience = usualPatience,
): RunBlobs {
  return {
    async payloadOf(job, signal) {
      const { payloadRef } = job
      if (!payloadRef) return job.payload
      return persist(() => deps.platform.readPayload(job, payloadRef, signal), {
        ...{ deps, jobId: job.id, signal, patienceMs: patience.payloadMs },
      })
    },
    async keepResult(job, text, signal) {
      if (text.length * 3 <= deps.platform.settings.inlineBytes) return null // no character is more than three bytes
      const bytes = Buffer.from(text)
      if (bytes.length <= deps.platform.settings.inlineBytes) return null
      return persist(() => deps.platform.putResult(job, bytes, signal), {
        ...{ deps, jobId: job.id, signal, patienceMs: patience.resultMs },
      })
    },
    keepArtifacts: (run, folder, options) => keepArtifacts(deps, run, folder, { ...options, limits }),
  }
}
