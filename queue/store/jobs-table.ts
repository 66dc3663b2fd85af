import { acceptAllOrNone } from './jobs/accept-all-or-none.ts'
import { acceptCached, type CachedAsk } from './jobs/accept-cached.ts'
import { acceptJobs, type FastLane, type NewJob } from './jobs/accept.ts'
import { cancelUnstarted, requestCancel } from './jobs/cancel.ts'
import { type Claim, claimJobs } from './jobs/claim.ts'
import {
  countQueued,
  dispatchReady,
  findStaleDeliveries,
  readyDueJobs,
  redispatch,
  releaseJobs,
  touchDeliveries,
} from './jobs/dispatch.ts'
import { expireOverdue } from './jobs/expire.ts'
import { findExisting } from './jobs/find-existing.ts'
import { findDispatched } from './jobs/find-dispatched.ts'
import { findHeld, findStarts } from './jobs/find-held.ts'
import { findQueued } from './jobs/find-queued.ts'
import { countQueuedNeeds } from './jobs/count-queued-needs.ts'
import { countQueuedTasks } from './jobs/count-queued-tasks.ts'
import { countLive, countTiers } from './jobs/count-tiers.ts'
import { finishJobs } from './jobs/finish.ts'
import { listRuns } from './jobs/list-runs.ts'
import { noteProgress } from './jobs/note-progress.ts'
import { pruneEnded, pruneIdempotencyKeys } from './jobs/prune.ts'
import {
  findEnded,
  findJob,
  findProgress,
  findRunning,
  listFences,
  type JobFilter,
  listEvents,
  listJobs,
} from './jobs/read.ts'
import { readDemand } from './jobs/read-demand.ts'
import { readDefaultUse } from './jobs/read-default-use.ts'
import { readUse } from './jobs/read-use.ts'
import { reapDeadNodes } from './jobs/reap.ts'
import { refreshStatistics } from './jobs/refresh-statistics.ts'
import { takeJobs } from './jobs/take.ts'
import type { Postgres } from './postgres.ts'

export type JobsTable = ReturnType<typeof openJobsTable>

/** The jobs with their events, attempts and idempotency keys; one SQL act a file. */
export function openJobsTable(postgres: Postgres) {
  return {
    accept: (jobs: readonly NewJob[], lane?: FastLane) => acceptJobs(postgres, jobs, lane),
    acceptCached: (asks: readonly CachedAsk[]) => acceptCached(postgres, asks),
    acceptAllOrNone: (
      jobs: readonly NewJob[],
      asks: readonly CachedAsk[],
      refuse: Parameters<typeof acceptAllOrNone>[3],
    ) => acceptAllOrNone(postgres, jobs, asks, refuse),
    dispatchReady: (input: Parameters<typeof dispatchReady>[1]) => dispatchReady(postgres, input),
    countQueued: (tier: string, most: number) => countQueued(postgres, tier, most),
    release: (jobs: Parameters<typeof releaseJobs>[1]) => releaseJobs(postgres, jobs),
    readyDue: (limit: number) => readyDueJobs(postgres, limit),
    findStaleDeliveries: (input: Parameters<typeof findStaleDeliveries>[1]) =>
      findStaleDeliveries(postgres, input),
    findDispatched: (input: Parameters<typeof findDispatched>[1]) => findDispatched(postgres, input),
    findExisting: (ids: readonly string[]) => findExisting(postgres, ids),
    findQueued: (ids: readonly string[]) => findQueued(postgres, ids),
    redispatch: (jobs: Parameters<typeof redispatch>[1], suspectFrom: number) =>
      redispatch(postgres, jobs, suspectFrom),
    touchDeliveries: (ids: readonly string[]) => touchDeliveries(postgres, ids),
    claim: (claims: readonly Claim[], suspectFrom: number) => claimJobs(postgres, claims, suspectFrom),
    take: (input: Parameters<typeof takeJobs>[1]) => takeJobs(postgres, input),
    noteProgress: (notes: Parameters<typeof noteProgress>[1]) => noteProgress(postgres, notes),
    finish: (finishes: Parameters<typeof finishJobs>[1]) => finishJobs(postgres, finishes),
    reapDeadNodes: (options: Parameters<typeof reapDeadNodes>[1]) => reapDeadNodes(postgres, options),
    cancelUnstarted: (id: string, tenant: string | null) => cancelUnstarted(postgres, id, tenant),
    requestCancel: (id: string, tenant: string | null) => requestCancel(postgres, id, tenant),
    expireOverdue: (limit: number) => expireOverdue(postgres, limit),
    pruneEnded: (options: Parameters<typeof pruneEnded>[1]) => pruneEnded(postgres, options),
    pruneIdempotencyKeys: (limit: number) => pruneIdempotencyKeys(postgres, limit),
    find: (id: string, tenant: string | null) => findJob(postgres, id, tenant),
    list: (filter: JobFilter, page: Parameters<typeof listJobs>[2]) => listJobs(postgres, filter, page),
    listRuns: (input: Parameters<typeof listRuns>[1]) => listRuns(postgres, input),
    listEvents: (jobId: string, afterSeq?: number) => listEvents(postgres, jobId, afterSeq),
    findEnded: (ids: readonly string[]) => findEnded(postgres, ids),
    findProgress: (id: string) => findProgress(postgres, id),
    findRunning: (ids: readonly string[]) => findRunning(postgres, ids),
    findHeld: (bootId: string, ids: readonly string[]) => findHeld(postgres, bootId, ids),
    findStarts: (bootId: string, ids: readonly string[]) => findStarts(postgres, bootId, ids),
    listFences: (ids: readonly string[]) => listFences(postgres, ids),
    countLive: () => countLive(postgres),
    countTiers: (mostCounted?: number) => countTiers(postgres, mostCounted),
    refreshStatistics: () => refreshStatistics(postgres),
    readDemand: (tiers: readonly string[], since: Date | null) => readDemand(postgres, tiers, since),
    readUse: (tier: string) => readUse(postgres, tier),
    readDefaultUse: () => readDefaultUse(postgres),
    countQueuedNeeds: () => countQueuedNeeds(postgres),
    countQueuedTasks: () => countQueuedTasks(postgres),
  }
}
