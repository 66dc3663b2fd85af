import { setTimeout as delay } from 'node:timers/promises'
import { QueueError } from '../queue/domain/errors.ts'
import type { QueueDeps } from '../queue/use-cases/queue-deps.ts'
import { TaskFailure } from './task.ts'

/** Tries again while a store is away, until the signal is aborted or the patience is over. @throws TaskFailure, or the signal's reason */
export async function persist<T>(
  act: () => Promise<T>,
  options: { deps: Pick<QueueDeps, 'log'>; jobId: string; signal: AbortSignal; patienceMs: number },
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
      if (error.kind !== 'unavailable') throw error
      if (performance.now() >= giveUpMs) throw new TaskFailure('BLOBS_UNAVAILABLE', error.message, error)
      if (tries === 0) deps.log.warn('a store can not be used now, it is tried again', { jobId, error })
    }
    const pauseMs = Math.min(5000, 100 * 2 ** Math.min(tries, 6)) * (0.5 + Math.random() / 2)
    await delay(Math.min(pauseMs, Math.max(0, giveUpMs - performance.now())), undefined, { signal })
  }
}
