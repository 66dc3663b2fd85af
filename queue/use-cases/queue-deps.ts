import type { Batch } from '../../core/batch.ts'
import type { Logger } from '../../core/logger.ts'
import type { Metrics } from '../../core/metrics.ts'
import type { ClaimedJob, Job } from '../domain/job.ts'
import type { JobState } from '../domain/job-state.ts'
import type { Tier } from '../domain/tiers.ts'
import type { ArtifactsTable } from '../store/artifacts-table.ts'
import type { AuditTable } from '../store/audit-table.ts'
import type { BlobStore } from '../store/blobs/blob-store.ts'
import type { CanariesTable } from '../store/canaries-table.ts'
import type { Checkpoint, CheckpointsTable } from '../store/checkpoints-table.ts'
import type { Cache } from '../store/cache.ts'
import type { ConfigHistoryTable } from '../store/config-history-table.ts'
import type { Deliveries } from '../store/deliveries.ts'
import type { CachedAsk } from '../store/jobs/accept-cached.ts'
import type { Accepted, NewJob } from '../store/jobs/accept.ts'
import type { Claim } from '../store/jobs/claim.ts'
import type { Finish } from '../store/jobs/finish.ts'
import type { PostgresDiagnosis, RedisDiagnosis } from '../store/diagnose.ts'
import type { JobsTable } from '../store/jobs-table.ts'
import type { LeaderTable } from '../store/leader-table.ts'
import type { LedgerTable } from '../store/ledger-table.ts'
import type { LiveLogs } from '../store/live-logs.ts'
import type { LogChunksTable } from '../store/log-chunks-table.ts'
import type { NodesTable } from '../store/nodes-table.ts'
import type { PlatformTable } from '../store/platform-table.ts'
import type { RateCounts } from '../store/rate-counts.ts'
import type { RedisCounter } from '../store/redis-counter.ts'
import type { RedisWatchTable } from '../store/redis-watch-table.ts'
import type { RefreshTokensTable } from '../store/refresh-tokens-table.ts'
import type { ProgressNote } from '../store/jobs/note-progress.ts'
import type { ScalingTable } from '../store/scaling-table.ts'
import type { SecretsTable } from '../store/secrets-table.ts'
import type { Signals } from '../store/signals.ts'
import type { TaskProfiles } from '../store/task-profiles.ts'
import type { TasksTable } from '../store/tasks-table.ts'
import type { UsersTable } from '../store/users-table.ts'
import type { WaitingDeliveries } from '../store/waiting-deliveries.ts'

/** What use-cases take; each names the part that it touches. */
export interface QueueDeps {
  jobs: JobsTable
  nodes: NodesTable
  platform: PlatformTable
  users: UsersTable
  refreshTokens: RefreshTokensTable
  audit: AuditTable
  configHistory: ConfigHistoryTable
  cache: Cache
  leader: LeaderTable
  ledger: LedgerTable
  canaries: CanariesTable
  checkpoints: CheckpointsTable
  tasks: TasksTable
  secrets: SecretsTable
  scaling: ScalingTable
  blobs: BlobStore
  artifacts: ArtifactsTable
  deliveries: Deliveries
  waitingDeliveries: WaitingDeliveries
  signals: Signals
  keptLogs: LogChunksTable
  liveLogs: LiveLogs
  rateCounts: RateCounts
  redisCounter: RedisCounter
  redisWatch: RedisWatchTable
  /** Looks at the stores over connections of its own. Rejects when they can't be reached. */
  diagnosis: { postgres: () => Promise<PostgresDiagnosis>; redis: () => Promise<RedisDiagnosis> }
  taskProfiles: TaskProfiles
  /** Group commits: what arrives while a write is in flight goes together in the next. */
  acceptBatch: Batch<NewJob, Accepted>
  answerBatch: Batch<CachedAsk, Job | null>
  claimBatch: Batch<Claim, ClaimedJob | null>
  progressBatch: Batch<{ bootId: string; note: ProgressNote }, void>
  checkpointBatch: Batch<{ bootId: string; checkpoint: Checkpoint }, boolean>
  finishBatch: Batch<{ bootId: string; finish: Finish }, JobState | null>
  tiers: readonly Tier[]
  settings: QueueSettings
  /** A new UUIDv7. */
  newId: () => string
  log: Logger
  metrics: Metrics
}

/** Some change while the process runs: read them where they are used. */
export interface QueueSettings {
  dispatchWindow: number
  leaseMs: number
  leaseGraceMs: number
  /** A queued job is looked up in BullMQ once its delivery is this old: most are long done by then. */
  deliveryLookupMs: number
  crashLimit: number
  handBackLimit: number
  retentionDays: number
  /** No longer than `retentionDays`. */
  logRetentionDays: number
  /** Payloads and results that are larger, as JSON, are kept in the blob store. */
  inlineBytes: number
}
