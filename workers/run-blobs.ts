import { setTimeout as delay } from 'node:timers/promises'
import { createHash } from 'node:crypto'
import { type BlobRef, resultKey } from '../queue/domain/blob.ts'
import { QueueError } from '../queue/domain/errors.ts'
import type { ClaimedJob, Json } from '../queue/domain/job.ts'
import type { QueueDeps } from '../queue/use-cases/queue-deps.ts'
import { readJsonBlob } from '../queue/use-cases/read-blob.ts'
import { TaskFailure } from './task.ts'

/** What a run has in the blob store: a payload or a result too large for its row. */
export interface RunBlobs {
  /** The payload of a job, fetched where it is kept as a blob. @throws TaskFailure BLOB_LOST, BLOBS_UNAVAILABLE */
  payloadOf(job: ClaimedJob, signal: AbortSignal): Promise<Json>
  /** Stores a result, told as JSON, if it is too large for a row; null when it is not. @throws TaskFailure BLOBS_UNAVAILABLE */
  keepResult(job: ClaimedJob, text: string, signal: AbortSignal): Promise<BlobRef | null>
}

export type BlobDeps = Pick<QueueDeps, 'blobs' | 'settings' | 'log'>

export interface Patience {
  /** For how long a payload is asked for while the store is away; then the attempt has failed, and the job waits for its next. */
  payloadMs: number
  /** For how long a result is kept; longer, since it cost a whole run. */
  resultMs: number
}

const usualPatience: Patience = { payloadMs: 30_000, resultMs: 600_000 }

export function makeRunBlobs(deps: BlobDeps, patience: Patience = usualPatience): RunBlobs {
  return {
    async payloadOf(job, signal) {
      const { payloadRef } = job
      if (!payloadRef) return job.payload
      return persist(() => readJsonBlob(deps, payloadRef, signal), {
        ...{ deps, jobId: job.id, signal, patienceMs: patience.payloadMs },
      })
    },
    async keepResult(job, text, signal) {
      if (text.length * 3 <= deps.settings.inlineBytes) return null // no character is more than three bytes
      const bytes = Buffer.from(text)
      if (bytes.length <= deps.settings.inlineBytes) return null
      const key = resultKey(job)
      await persist(() => deps.blobs.put(key, bytes, signal), {
        ...{ deps, jobId: job.id, signal, patienceMs: patience.resultMs },
      })
      return { key, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
    },
  }
}

/** Tries again while the store is away, until the signal is aborted or the patience is over. @throws TaskFailure, or the signal's reason */
export async function persist<T>(
  act: () => Promise<T>,
  options: { deps: BlobDeps; jobId: string; signal: AbortSignal; patienceMs: number },
): Promise<T> {
  const { deps, jobId, signal, patienceMs } = options
  const giveUpMs = performance.now() + patienceMs
  for (let tries = 0; ; tries++) {
    try {
      return await act()
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof QueueError)) throw error
      if (error.code === 'BLOB_LOST') throw new TaskFailure('BLOB_LOST', error.message, error)
      if (error.code !== 'BLOBS_UNAVAILABLE') throw error
      if (performance.now() >= giveUpMs) throw new TaskFailure('BLOBS_UNAVAILABLE', error.message, error)
      if (tries === 0)
        deps.log.warn('the blob store can not be used now, it is tried again', { jobId, error })
    }
    const pauseMs = Math.min(5000, 100 * 2 ** Math.min(tries, 6)) * (0.5 + Math.random() / 2)
    await delay(Math.min(pauseMs, Math.max(0, giveUpMs - performance.now())), undefined, { signal })
  }
}
