import type { BlobRef } from '../queue/domain/blob.ts'
import type { ClaimedJob, Json } from '../queue/domain/job.ts'
import type { JobState } from '../queue/domain/job-state.ts'
import type { NodeRegistration, NodeReport } from '../queue/domain/node.ts'
import type { Artifact } from '../queue/store/artifacts-table.ts'
import type { SizedStream, StoredBlob } from '../queue/store/blobs/blob-store.ts'
import type { Checkpoint } from '../queue/store/checkpoints-table.ts'
import type { ProgressNote } from '../queue/store/jobs/note-progress.ts'
import type { HeldJob, Renewal } from '../queue/store/nodes-table.ts'
import type { RunEnd } from '../queue/use-cases/finish-job.ts'
import type { QueueDeps } from '../queue/use-cases/queue-deps.ts'
import type { ReadSecrets } from './run-secrets.ts'

/**
 * What a worker needs of the platform besides its jobs. Two ways lead there: over the stores themselves (direct-platform.ts), and over a gateway, for a
 * node that has no credentials for the stores (remote/remote-platform.ts). Each call rejects with a QueueError of the kind `unavailable` while nobody
 * answers; then it may be made again, and twice is harmless.
 */
export interface Platform {
  settings: PlatformSettings
  /** False when the node id belongs to another live process. */
  registerNode(node: NodeRegistration, how: { isDraining: boolean }): Promise<boolean>
  /** Renews the lease of a boot; null when it was given up. */
  renew(bootId: string, report: NodeReport): Promise<Renewal>
  sayGoodbye(bootId: string): Promise<void>
  /** Hears when something about the rows that the node holds has changed; some such words are lost. */
  onChange(nodeId: string, hear: () => void): Promise<void>
  /** T4, T5; null when the job was not its holder's any more. `hasKept`: the run has kept a checkpoint. */
  endRun(bootId: string, job: ClaimedJob, end: RunEnd, how: { hasKept: boolean }): Promise<JobState | null>
  /** T6. */
  handBack(
    bootId: string,
    held: Pick<HeldJob, 'id' | 'fence' | 'handBacks'>,
    reason: string,
  ): Promise<JobState | null>
  noteProgress(bootId: string, note: ProgressNote): Promise<void>
  /** False when the job is not its holder's any more. */
  keepCheckpoint(bootId: string, checkpoint: Checkpoint): Promise<boolean>
  findCheckpoint(job: ClaimedJob): Promise<Json>
  keptLogs: Pick<QueueDeps['keptLogs'], 'insert'>
  liveLogs: Pick<QueueDeps['liveLogs'], 'append' | 'forget'>
  /** The payload that a job refers to. @throws BLOB_LOST */
  readPayload(job: ClaimedJob, ref: BlobRef, signal: AbortSignal): Promise<Json>
  putResult(job: ClaimedJob, bytes: Buffer, signal: AbortSignal): Promise<BlobRef>
  putArtifact(
    job: ClaimedJob,
    name: string,
    content: Buffer | SizedStream,
    signal: AbortSignal,
  ): Promise<StoredBlob>
  /** False when the job is not its holder's any more. */
  keepArtifacts(bootId: string, job: ClaimedJob, artifacts: readonly Artifact[]): Promise<boolean>
  /** Absent on a node that can't have secrets. */
  readSecrets?: ReadSecrets | undefined
  listFences: QueueDeps['jobs']['listFences']
}

export interface PlatformSettings {
  leaseMs: number
  leaseGraceMs: number
  /** Results that are larger, as JSON, are kept in the blob store. */
  inlineBytes: number
}
