import type { Assignment__Output } from '../../proto/generated/noodle/v1/Assignment.ts'
import type { JobState__Output as JobStateName } from '../../proto/generated/noodle/v1/JobState.ts'
import type { LogLines } from '../../proto/generated/noodle/v1/LogLines.ts'
import type { RegisterRequest } from '../../proto/generated/noodle/v1/RegisterRequest.ts'
import type { RunFinish } from '../../proto/generated/noodle/v1/RunFinish.ts'
import { resultKey } from '../../queue/domain/blob.ts'
import type { ClaimedJob, Json } from '../../queue/domain/job.ts'
import type { JobState } from '../../queue/domain/job-state.ts'
import { type LogChunk, logStreams } from '../../queue/domain/log-line.ts'
import type { GpuId, NodeRegistration } from '../../queue/domain/node.ts'
import type { Allocation } from '../../queue/intake/node-allocator.ts'
import type { Grant } from '../../queue/intake/slots.ts'
import type { RunEnd } from '../../queue/use-cases/finish-job.ts'

const toJson = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

export const toRegisterRequest = (
  node: NodeRegistration,
  { isDraining, leaseMs }: { isDraining: boolean; leaseMs: number },
): RegisterRequest => ({
  leaseMs,
  nodeId: node.id,
  bootId: node.bootId,
  tiers: node.tiers,
  cpus: node.cpus,
  memoryMb: node.memoryMb,
  gpus: node.gpus,
  concurrency: node.concurrency,
  version: node.version,
  draining: isDraining,
  tasks: node.tasks.map((task) => ({
    name: task.name,
    version: task.version,
    description: task.description,
    payloadSchemaJson: toJson(task.payloadSchema),
    resultSchemaJson: toJson(task.resultSchema),
    kind: task.kind,
    deterministic: task.deterministic ?? false,
    ...(task.defaults && { defaultsJson: toJson(task.defaults) }),
    ...(task.secrets && { secrets: task.secrets }),
  })),
})

/** As a claim answers it; what its end needs besides is known where that is stored. */
export const toClaimedJob = (message: Assignment__Output): ClaimedJob => ({
  id: message.jobId,
  tenant: message.tenant,
  task: message.task,
  tier: message.tier,
  payload: message.payloadJson ? (JSON.parse(message.payloadJson.toString()) as Json) : null,
  payloadRef: message.payloadRef
    ? { key: message.jobId, bytes: Number(message.payloadRef.bytes), sha256: message.payloadRef.sha256 }
    : null,
  resources: {
    cpu: message.resources?.cpu ?? 0,
    memoryMb: Number(message.resources?.memoryMb ?? 0),
    gpu: message.resources?.gpu ?? 0,
  },
  timeoutMs: Number(message.timeoutMs),
  retry: { maxAttempts: 1, backoffMs: 0, strategy: 'fixed' },
  attempt: message.attempt,
  failures: 0,
  handBacks: 0,
  fence: Number(message.fence),
  cacheKey: message.cacheKey.length > 0 ? message.cacheKey : null,
  waitedMs: message.waitedMs,
})

/** @param gpuIds what the node calls its GPUs; by default indexes from 0 */
export const toGrant = (
  { grant, allocation }: Assignment__Output,
  gpuIds: readonly GpuId[],
): Omit<Grant, 'release'> => ({
  gpus: (grant?.gpus ?? []).map((index) => gpuIds[index] ?? index),
  heldGpus: grant?.heldGpus ?? 0,
  limits: { memoryMb: Number(grant?.memoryMb ?? 0), cpus: grant?.cpus ?? null },
  allocation: JSON.parse(allocation.toString()) as Allocation,
})

export function toFinish(
  job: ClaimedJob,
  end: RunEnd,
  hasKept: boolean,
): RunFinish & { jobId: string; fence: number } {
  const { wallMs, cpuMs, maxRssBytes, gpuSeconds } = end.usage
  return {
    jobId: job.id,
    fence: job.fence,
    keptCheckpoint: hasKept,
    usage: {
      wallMs,
      ...(cpuMs !== undefined && { cpuMs }),
      ...(maxRssBytes !== undefined && { maxRssBytes }),
      ...(gpuSeconds !== undefined && { gpuSeconds }),
    },
    ...(end.kind === 'succeeded'
      ? {
          success: {
            ...(end.resultRef
              ? { stored: { bytes: end.resultRef.bytes, sha256: end.resultRef.sha256 } }
              : { resultJson: toJson(end.result) }),
            mayAnswer: end.mayAnswer ?? false,
          },
        }
      : {
          failure: {
            code: end.error.code,
            message: end.error.message,
            isFinal: end.isFinal,
            reason: end.reason ?? '',
            ...(end.outOfMemoryMb !== undefined && { outOfMemoryMb: end.outOfMemoryMb }),
          },
        }),
  }
}

/** Null for one that is not ours any more. */
export const toState = (name: JobStateName): JobState | null =>
  name === 'JOB_STATE_UNSPECIFIED' ? null : (name.slice('JOB_STATE_'.length).toLowerCase() as JobState)

export const toLogLines = ({ jobId, chunk }: { jobId: string; chunk: LogChunk }): LogLines => ({
  jobId,
  attempt: chunk.attempt,
  firstSeq: chunk.firstSeq,
  lines: chunk.lines.map(([atMs, stream, text]) => ({
    atMs,
    stream: `LOG_STREAM_${(logStreams[stream] ?? 'log').toUpperCase() as Uppercase<(typeof logStreams)[number]>}`,
    text,
  })),
})

/** The key is made anew by the gateway; here it only stands for what was stored. */
export const storedRef = (
  job: ClaimedJob,
  stored: { bytes: number; sha256: string },
): { key: string; bytes: number; sha256: string } => ({ key: resultKey(job), ...stored })
