import type { ClaimedJob } from '../domain/job.ts'
import type { GpuId } from '../domain/node.ts'
import type { Boot } from './boot.ts'
import type { Allocation } from './node-allocator.ts'
import type { Grant, RunLimits } from './slots.ts'
import type { Stop } from './stop.ts'

/** A job that this process holds: from the answer to its claim until its end is stored or it is given up. */
export interface Run {
  job: ClaimedJob
  boot: Boot
  /** The GPUs that are its own, or that it has a share of. */
  gpus: readonly GpuId[]
  /** How many these are, parts counted as parts. */
  heldGpus: number
  /** Null: none. */
  limits: RunLimits | null
  /** What it takes of the node; null: nobody keeps account of it here. */
  allocation: Allocation | null
  /** Aborted with a Stop. The first one decides what is reported. */
  stopping: AbortController
}

/** What this process holds, or may be about to hold. */
export interface Runs {
  /** To be called before a claim is sent; the answer is to be called when its run, if any, has begun. */
  beginClaim(jobId: string): () => void
  /** The same for a claim that names no job: until it is over, any job may be under way to here. */
  beginTake(): () => void
  isClaiming(jobId: string): boolean
  begin(job: ClaimedJob, boot: Boot, grant?: Omit<Grant, 'release'>): Run
  end(run: Run): void
  find(jobId: string, fence: number): Run | undefined
  stopAll(stop: Stop): void
  count(): number
  list(): Run[]
  /** Resolves when no claim is under way. */
  untilNoClaims(): Promise<void>
  /** Resolves when nothing is held and no claim is under way. */
  untilNone(): Promise<void>
}

const noGrant = { gpus: [], heldGpus: 0, limits: null, allocation: null }

export function makeRuns(): Runs {
  const runs = new Map<string, Run>()
  const claims = new Map<string, number>()
  let takes = 0
  const idleWaiters: (() => void)[] = []
  const claimWaiters: (() => void)[] = []
  // A job may be held twice, under two fences: its first end was stored but not confirmed, and it has been claimed again since.
  const keyOf = (jobId: string, fence: number): string => `${jobId} ${String(fence)}`
  const isClaiming = (): boolean => claims.size > 0 || takes > 0
  const isNone = (): boolean => runs.size === 0 && !isClaiming()

  function wakeIfNone(): void {
    if (!isClaiming()) for (const wake of claimWaiters.splice(0)) wake()
    if (isNone()) for (const wake of idleWaiters.splice(0)) wake()
  }

  return {
    beginClaim(jobId) {
      claims.set(jobId, (claims.get(jobId) ?? 0) + 1)
      return () => {
        const left = (claims.get(jobId) ?? 1) - 1
        if (left > 0) claims.set(jobId, left)
        else claims.delete(jobId)
        wakeIfNone()
      }
    },
    beginTake() {
      takes++
      return () => {
        takes--
        wakeIfNone()
      }
    },
    isClaiming: (jobId) => takes > 0 || claims.has(jobId),
    begin(job, boot, grant) {
      const { gpus, heldGpus, limits, allocation } = grant ?? noGrant
      const run: Run = { job, boot, gpus, heldGpus, limits, allocation, stopping: new AbortController() }
      runs.set(keyOf(job.id, job.fence), run)
      return run
    },
    end(run) {
      runs.delete(keyOf(run.job.id, run.job.fence))
      wakeIfNone()
    },
    find: (jobId, fence) => runs.get(keyOf(jobId, fence)),
    stopAll(stop) {
      for (const run of runs.values()) run.stopping.abort(stop)
    },
    count: () => runs.size,
    list: () => [...runs.values()],
    untilNoClaims() {
      if (!isClaiming()) return Promise.resolve()
      return new Promise((resolve) => claimWaiters.push(resolve))
    },
    untilNone() {
      if (isNone()) return Promise.resolve()
      return new Promise((resolve) => idleWaiters.push(resolve))
    },
  }
}
