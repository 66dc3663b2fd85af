import { jobPrefix } from '../domain/blob.ts'
import type { QueueDeps } from './queue-deps.ts'

const atOnce = 8

/** Removes all blobs of jobs that are gone for good. What can't be removed now is an orphan, and removed as such. */
export async function removeJobBlobs(
  deps: Pick<QueueDeps, 'blobs' | 'log'>,
  jobs: readonly { id: string; tenant: string }[],
): Promise<void> {
  const left = [...jobs]
  async function removeNext(): Promise<void> {
    for (let job = left.shift(); job; job = left.shift()) {
      const keys: string[] = []
      for await (const { key } of deps.blobs.list(jobPrefix(job))) keys.push(key)
      await deps.blobs.delete(keys)
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(atOnce, left.length) }, removeNext))
  } catch (error) {
    deps.log.warn('blobs of pruned jobs could not be removed now; they are when orphans are', { error })
  }
}
