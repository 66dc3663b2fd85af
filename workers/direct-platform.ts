import { createHash } from 'node:crypto'
import { artifactKey, resultKey } from '../queue/domain/blob.ts'
import type { SecretBox } from '../queue/domain/secret-box.ts'
import { endRun } from '../queue/use-cases/end-run.ts'
import { handBackJob } from '../queue/use-cases/finish-job.ts'
import type { QueueDeps } from '../queue/use-cases/queue-deps.ts'
import { readJsonBlob } from '../queue/use-cases/read-blob.ts'
import { readSecrets } from '../queue/use-cases/read-secrets.ts'
import { registerNode } from '../queue/use-cases/register-node.ts'
import type { Platform } from './platform.ts'

/** The platform of a worker beside the stores. Without a box it has no secrets. */
export function makeDirectPlatform(deps: QueueDeps, secretBox: SecretBox | null = null): Platform {
  const { leaseMs } = deps.settings
  return {
    settings: deps.settings,
    registerNode: (node, { isDraining }) => registerNode(deps, node, { leaseMs, isDraining }),
    renew: (bootId, report) => deps.nodes.renew(bootId, leaseMs, report),
    sayGoodbye: (bootId) => deps.nodes.sayGoodbye(bootId),
    async onChange(nodeId, hear) {
      await deps.signals.onCancel(nodeId, hear)
    },
    endRun: (bootId, job, end, how) => endRun(deps, bootId, job, end, how),
    handBack: (bootId, held, reason) => handBackJob(deps, bootId, held, reason),
    noteProgress: (bootId, note) => deps.progressBatch.add({ bootId, note }),
    keepCheckpoint: (bootId, checkpoint) => deps.checkpointBatch.add({ bootId, checkpoint }),
    findCheckpoint: (job) => deps.checkpoints.find(job.id),
    keptLogs: deps.keptLogs,
    liveLogs: deps.liveLogs,
    readPayload: (_, ref, signal) => readJsonBlob(deps, ref, signal),
    async putResult(job, bytes, signal) {
      const key = resultKey(job)
      await deps.blobs.put(key, bytes, signal)
      return { key, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
    },
    putArtifact: (job, name, content, signal) => deps.blobs.put(artifactKey(job, name), content, signal),
    keepArtifacts: (bootId, { id, fence }, artifacts) =>
      deps.artifacts.keep(bootId, { jobId: id, fence }, artifacts),
    ...(secretBox && {
      readSecrets: ({ tenant }, names) => readSecrets(deps, secretBox, tenant, names),
    }),
    listFences: (ids) => deps.jobs.listFences(ids),
  }
}
