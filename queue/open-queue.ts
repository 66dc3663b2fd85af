import { makeBatch } from '../core/batch.ts'
import type { Config } from '../core/config.ts'
import type { Logger } from '../core/logger.ts'
import type { Metrics } from '../core/metrics.ts'
import { makeTimeOrderedIds } from '../core/time-ordered-id.ts'
import { openArtifactsTable } from './store/artifacts-table.ts'
import { openAuditTable } from './store/audit-table.ts'
import { makeCache } from './store/cache.ts'
import { blobStoreOptions, openBlobs } from './store/blobs/open-blobs.ts'
import { openCanariesTable } from './store/canaries-table.ts'
import { type Checkpoint, openCheckpointsTable } from './store/checkpoints-table.ts'
import { openConfigHistoryTable } from './store/config-history-table.ts'
import { makeDeliveries } from './store/deliveries.ts'
import { diagnosePostgres, diagnoseRedis } from './store/diagnose.ts'
import { makeEpochKeeper } from './store/epoch.ts'
import type { CachedAsk } from './store/jobs/accept-cached.ts'
import type { Accepted, NewJob } from './store/jobs/accept.ts'
import type { Claim } from './store/jobs/claim.ts'
import type { Finish } from './store/jobs/finish.ts'
import type { ProgressNote } from './store/jobs/note-progress.ts'
import { openJobsTable } from './store/jobs-table.ts'
import { openLeaderTable } from './store/leader-table.ts'
import { openLedgerTable } from './store/ledger-table.ts'
import { makeLiveLogs } from './store/live-logs.ts'
import { openLogChunksTable } from './store/log-chunks-table.ts'
import { openNodesTable } from './store/nodes-table.ts'
import { openPlatformTable } from './store/platform-table.ts'
import { isRowFault, openPostgres, type PostgresOptions } from './store/postgres.ts'
import { makeRateCounts } from './store/rate-counts.ts'
import { makeRedisCounter } from './store/redis-counter.ts'
import { makePostgresNotices } from './store/postgres-notices.ts'
import { openRedisWatchTable } from './store/redis-watch-table.ts'
import { closeRedis, openRedis, type RedisPurpose, untilReady } from './store/redis.ts'
import { openRefreshTokensTable } from './store/refresh-tokens-table.ts'
import { openScalingTable } from './store/scaling-table.ts'
import { openSecretsTable } from './store/secrets-table.ts'
import { makeSignals } from './store/signals.ts'
import { makeTaskProfiles } from './store/task-profiles.ts'
import { openTasksTable } from './store/tasks-table.ts'
import { openUsersTable } from './store/users-table.ts'
import { makeWaitingDeliveries } from './store/waiting-deliveries.ts'
import type { ClaimedJob, Job } from './domain/job.ts'
import { type JobState, suspectFrom } from './domain/job-state.ts'
import { makeFastPath } from './use-cases/fast-path.ts'
import type { QueueDeps, QueueSettings } from './use-cases/queue-deps.ts'

/** The options that whoever opens the queue reads. */
export const queueOptions = [
  'DATABASE_URL',
  'DATABASE_POOL_SIZE',
  'STATEMENT_TIMEOUT_MS',
  'REDIS_URL',
  'CACHE_REDIS_URL',
  'CACHE_LOCAL_BYTES',
  'CACHE_LOCAL_SECONDS',
  'CACHE_REDIS_SECONDS',
  'CACHE_ENTRY_BYTES',
  'TIERS',
  'DISPATCH_WINDOW',
  'LEASE_SECONDS',
  'LEASE_GRACE_MS',
  'DELIVERY_LOOKUP_MS',
  'DELIVERY_LOCK_MS',
  'CRASH_LIMIT',
  'HAND_BACK_LIMIT',
  'RETENTION_DAYS',
  'LOG_RETENTION_DAYS',
  'INLINE_LIMIT_BYTES',
  ...blobStoreOptions,
] as const

/** Options that a reload changes are read at each use (core/live-config.ts). */
export type QueueConfig = Readonly<Pick<Config, (typeof queueOptions)[number]>>

export interface OpenQueue {
  deps: QueueDeps
  /** True when Postgres answers. */
  pingPostgres(): Promise<boolean>
  /** Closes what was opened, in reverse. Twice is harmless. */
  close(): Promise<void>
}

/** How long an opening waits for Redis; after it the process goes on without, and connects when Redis is back. */
const redisDeadlineMs = 3000

/**
 * Connects to both stores and builds what use-cases take. `name` is the kind of process, as the stores' session lists show it.
 * The node leases go over connections of their own, so that a busy pool can't make a node lose its lease.
 */
export async function openQueue(
  config: QueueConfig,
  options: { name: string; log: Logger; metrics: Metrics },
): Promise<OpenQueue> {
  const { name, log, metrics } = options
  const openPool = (poolSize: number, statementTimeoutMs: number, inspect?: PostgresOptions['inspect']) =>
    openPostgres({ databaseUrl: config.DATABASE_URL, poolSize, statementTimeoutMs, name, log, inspect })
  const blobs = await openBlobs(config, metrics)
  const redisConnections: ReturnType<typeof openRedis>[] = []
  const connect = (purpose: RedisPurpose, redisUrl = config.REDIS_URL) => {
    const redis = openRedis({ redisUrl, purpose, name, log })
    redisConnections.push(redis)
    return redis
  }

  const postgres = openPool(config.DATABASE_POOL_SIZE, config.STATEMENT_TIMEOUT_MS, makeEpochKeeper(log))
  // A renewal that hangs in a connection gone dead must end early enough for another one, over a new connection.
  const leases = openPool(2, Math.min(config.STATEMENT_TIMEOUT_MS, config.LEASE_SECONDS * 250))
  const commands = connect('commands')
  const cacheRedis = connect('cache', config.CACHE_REDIS_URL)
  await Promise.all([untilReady(commands, redisDeadlineMs), untilReady(cacheRedis, redisDeadlineMs)])

  const jobs = openJobsTable(postgres)
  const checkpoints = openCheckpointsTable(postgres)
  const deliveries = makeDeliveries(commands, () => connect('worker'), {
    lockMs: config.DELIVERY_LOCK_MS,
    log,
  })
  const notices = makePostgresNotices(postgres, { databaseUrl: config.DATABASE_URL, name, log })
  const signals = makeSignals(commands, () => connect('subscriber'), notices, log)
  const deps: QueueDeps = {
    jobs,
    nodes: openNodesTable(leases),
    platform: openPlatformTable(postgres),
    users: openUsersTable(postgres),
    refreshTokens: openRefreshTokensTable(postgres),
    audit: openAuditTable(postgres),
    configHistory: openConfigHistoryTable(postgres),
    cache: makeCache(
      { redis: cacheRedis, signals },
      {
        localBytes: config.CACHE_LOCAL_BYTES,
        localMs: config.CACHE_LOCAL_SECONDS * 1000,
        redisMs: config.CACHE_REDIS_SECONDS * 1000,
        entryBytes: config.CACHE_ENTRY_BYTES,
        hasOwnRedis: config.CACHE_REDIS_URL !== undefined,
        ...{ log, metrics },
      },
    ),
    // Over connections of its own as the leases of nodes, so that a busy pool can't make a leader lose its own.
    leader: openLeaderTable(leases),
    ledger: openLedgerTable(postgres),
    canaries: openCanariesTable(postgres),
    checkpoints,
    tasks: openTasksTable(postgres),
    secrets: openSecretsTable(postgres),
    scaling: openScalingTable(postgres),
    blobs,
    artifacts: openArtifactsTable(postgres),
    deliveries,
    waitingDeliveries: makeWaitingDeliveries((tier) => deliveries.queueOf(tier)),
    signals,
    keptLogs: openLogChunksTable(postgres),
    liveLogs: makeLiveLogs(commands, () => connect('subscriber'), log),
    rateCounts: makeRateCounts(commands, log),
    redisCounter: makeRedisCounter(commands),
    diagnosis: {
      postgres: () => diagnosePostgres(config.DATABASE_URL),
      redis: () => diagnoseRedis(config.REDIS_URL),
    },
    redisWatch: openRedisWatchTable(postgres),
    taskProfiles: makeTaskProfiles(commands, log),
    acceptBatch: makeBatch<NewJob, Accepted>({
      async write(items) {
        const lane = await fastPath.open(items)
        const answers = await jobs.accept(items, lane)
        const queued = items.filter((_, i) => {
          const answer = answers[i]
          return answer?.kind === 'accepted' && answer.state === 'queued'
        })
        fastPath.deliver(queued, lane)
        return answers
      },
      maxInFlight: 2, // so that a submission need not wait for a batch of a thousand, nor that for it
      smallBelow: 100,
      isItemFault: isRowFault,
    }),
    answerBatch: makeBatch<CachedAsk, Job | null>({
      write: (asks) => jobs.acceptCached(asks),
      maxInFlight: 2,
      isItemFault: isRowFault,
    }),
    claimBatch: makeBatch<Claim, ClaimedJob | null>({
      write: (claims) => jobs.claim(claims, suspectFrom(config.CRASH_LIMIT)),
      maxInFlight: 2, // so that a job which comes alone need not wait for the end of the claim before
    }),
    progressBatch: makeBatch<{ bootId: string; note: ProgressNote }, void>({
      async write(items) {
        await jobs.noteProgress(items)
        signals.tellChanged(items.map(({ note }) => note.id))
        return items.map(() => undefined)
      },
      isItemFault: isRowFault,
    }),
    checkpointBatch: makeBatch<{ bootId: string; checkpoint: Checkpoint }, boolean>({
      write: (items) => checkpoints.keep(items),
      maxItems: 20, // they may be large
      isItemFault: isRowFault,
    }),
    finishBatch: makeBatch<{ bootId: string; finish: Finish }, JobState | null>({
      write: (items) => jobs.finish(items),
      isItemFault: isRowFault,
    }),
    tiers: config.TIERS,
    settings: liveSettings(config),
    newId: makeTimeOrderedIds(),
    log,
    metrics,
  }

  const fastPath = makeFastPath(deps)

  return {
    deps,
    async pingPostgres() {
      return postgres.query('SELECT 1').then(
        () => true,
        () => false,
      )
    },
    async close() {
      await deliveries.close()
      await signals.close()
      await Promise.all(redisConnections.map(closeRedis))
      await leases.close()
      await postgres.close()
      blobs.close()
    },
  }
}

/** What a reload of the configuration changes is read at each use. */
function liveSettings(config: QueueConfig): QueueSettings {
  return {
    leaseMs: config.LEASE_SECONDS * 1000,
    leaseGraceMs: config.LEASE_GRACE_MS,
    get dispatchWindow() {
      return config.DISPATCH_WINDOW
    },
    get deliveryLookupMs() {
      return config.DELIVERY_LOOKUP_MS
    },
    get crashLimit() {
      return config.CRASH_LIMIT
    },
    get handBackLimit() {
      return config.HAND_BACK_LIMIT
    },
    get retentionDays() {
      return config.RETENTION_DAYS
    },
    get logRetentionDays() {
      return Math.min(config.RETENTION_DAYS, config.LOG_RETENTION_DAYS ?? config.RETENTION_DAYS)
    },
    get inlineBytes() {
      return config.INLINE_LIMIT_BYTES
    },
  }
}
