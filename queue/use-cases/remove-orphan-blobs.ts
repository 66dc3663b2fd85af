import { jobOfKey } from '../domain/blob.ts'
import type { ListedBlob } from '../store/blobs/blob-store.ts'
import type { QueueDeps } from './queue-deps.ts'

type SweepDeps = Pick<QueueDeps, 'blobs' | 'jobs' | 'platform' | 'log' | 'metrics'>

/** How long a blob may be there before its job is. Clocks of the store and of ours may differ, by far less. */
const usualAgeMs = 86_400_000
/** Blobs that a round looks at. */
const roundSize = 1000
/** Between the end of one pass over the store and the begin of the next. */
const pauseMs = 3_600_000

/** Below it each installation leaves a blob that names it. No tenant is called so. */
const marks = '_installations/'

export interface OrphanSweep {
  /** Looks at the next blobs of the store. Answers after how many ms to go on. */
  round(): Promise<number>
  /** Ends a pass that is under way. */
  stop(): Promise<void>
}

/**
 * Removes blobs of jobs that are not there: stored before a job that then was not, or late by a node that had lost its job, or left when their job was pruned.
 * Only in a store that has had this installation's mark for as long, and no other's: another one's jobs are not there either.
 */
export function makeOrphanSweep(deps: SweepDeps, { ageMs = usualAgeMs } = {}): OrphanSweep {
  const { blobs, log } = deps
  let listing: AsyncGenerator<ListedBlob, void, undefined> | undefined

  /** False when nothing may be removed now. */
  async function isOurs(): Promise<boolean> {
    const own = marks + (await deps.platform.findInstallation())
    let markedAt: Date | undefined
    for await (const { key, at } of blobs.list(marks)) {
      if (key === own) markedAt = at
      else {
        log.error(
          'the blob store is also that of another installation, so orphans in it are not removed; give each its own BLOB_DIR, bucket or S3_PREFIX',
          { place: blobs.place, mark: key },
        )
        return false
      }
    }
    if (!markedAt) await blobs.put(own, Buffer.alloc(0))
    return markedAt !== undefined && isOld(markedAt)
  }

  const isOld = (at: Date): boolean => at.getTime() <= Date.now() - ageMs

  async function takeSome(
    from: NonNullable<typeof listing>,
  ): Promise<{ found: ListedBlob[]; isEnd: boolean }> {
    const found: ListedBlob[] = []
    while (found.length < roundSize) {
      const { value, done } = await from.next()
      if (done) return { found, isEnd: true }
      found.push(value)
    }
    return { found, isEnd: false }
  }

  async function removeOrphans(found: readonly ListedBlob[]): Promise<void> {
    const old = found.flatMap(({ key, at }) => {
      const jobId = jobOfKey(key)
      return jobId !== null && isOld(at) ? [{ key, jobId }] : []
    })
    if (old.length === 0) return
    const existing = await deps.jobs.findExisting([...new Set(old.map(({ jobId }) => jobId))])
    const orphans = old.filter(({ jobId }) => !existing.has(jobId)).map(({ key }) => key)
    if (orphans.length === 0) return
    await blobs.delete(orphans)
    deps.metrics.orphanBlobs.inc(orphans.length)
    log.info('blobs without a job were removed', { blobs: orphans.length })
  }

  async function stop(): Promise<void> {
    const ended = listing
    listing = undefined
    await ended?.return()
  }

  return {
    async round() {
      try {
        if (!listing) {
          if (await isEmpty(blobs)) return pauseMs
          if (!(await isOurs())) return pauseMs
          listing = blobs.list('')
        }
        const { found, isEnd } = await takeSome(listing)
        await removeOrphans(found)
        if (!isEnd) return 0
        listing = undefined
        return pauseMs
      } catch (error) {
        await stop() // a listing that failed goes on nowhere
        throw error
      }
    },
    stop,
  }
}

/** A store that nobody needed yet is left as it is. */
async function isEmpty(blobs: SweepDeps['blobs']): Promise<boolean> {
  const listing = blobs.list('')
  const { done } = await listing.next()
  await listing.return()
  return done === true
}
