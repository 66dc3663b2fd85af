import { QueueError } from '../../../queue/domain/errors.ts'
import { readSecrets } from '../../../queue/use-cases/read-secrets.ts'
import { registerNode } from '../../../queue/use-cases/register-node.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import type { GetCheckpointRequest__Output } from '../../../proto/generated/noodle/v1/GetCheckpointRequest.ts'
import type { GetCheckpointResponse } from '../../../proto/generated/noodle/v1/GetCheckpointResponse.ts'
import type { GoodbyeRequest__Output } from '../../../proto/generated/noodle/v1/GoodbyeRequest.ts'
import type { KeepArtifactsRequest__Output } from '../../../proto/generated/noodle/v1/KeepArtifactsRequest.ts'
import type { KeepArtifactsResponse } from '../../../proto/generated/noodle/v1/KeepArtifactsResponse.ts'
import type { ListFencesRequest__Output } from '../../../proto/generated/noodle/v1/ListFencesRequest.ts'
import type { ListFencesResponse } from '../../../proto/generated/noodle/v1/ListFencesResponse.ts'
import type { BlobPiece } from '../../../proto/generated/noodle/v1/BlobPiece.ts'
import type { ReadPayloadRequest__Output } from '../../../proto/generated/noodle/v1/ReadPayloadRequest.ts'
import type { ReadSecretsRequest__Output } from '../../../proto/generated/noodle/v1/ReadSecretsRequest.ts'
import type { ReadSecretsResponse } from '../../../proto/generated/noodle/v1/ReadSecretsResponse.ts'
import type { RegisterRequest__Output } from '../../../proto/generated/noodle/v1/RegisterRequest.ts'
import type { RegisterResponse } from '../../../proto/generated/noodle/v1/RegisterResponse.ts'
import type { SaveCheckpointRequest__Output } from '../../../proto/generated/noodle/v1/SaveCheckpointRequest.ts'
import type { SaveCheckpointResponse } from '../../../proto/generated/noodle/v1/SaveCheckpointResponse.ts'
import type { StoreBlobRequest__Output } from '../../../proto/generated/noodle/v1/StoreBlobRequest.ts'
import type { StoreBlobResponse } from '../../../proto/generated/noodle/v1/StoreBlobResponse.ts'
import type { WorkerSettings } from '../../../proto/generated/noodle/v1/WorkerSettings.ts'
import type { WorkRequest__Output } from '../../../proto/generated/noodle/v1/WorkRequest.ts'
import type { WorkResponse } from '../../../proto/generated/noodle/v1/WorkResponse.ts'
import type { WriteLogsRequest__Output } from '../../../proto/generated/noodle/v1/WriteLogsRequest.ts'
import type { WriteLogsResponse } from '../../../proto/generated/noodle/v1/WriteLogsResponse.ts'
import { bidi, clientStream, type Service, serverStream, unary } from '../method.ts'
import { makeNodeOutbox } from './node-outbox.ts'
import { makeNodeSession } from './node-session.ts'
import type { NodeSessions } from './node-sessions.ts'
import { readRegistration } from './register-request.ts'
import { isUuid, makeRunAccess, requireSameNode } from './run-access.ts'
import { makeRunLimits } from './run-limits.ts'
import { readJson } from './run-messages.ts'
import { sendPayload } from './send-payload.ts'
import { readArtifacts, storeBlob } from './store-blob.ts'
import { writeLogs } from './write-logs.ts'

/** A node's calls are its lease: none may be turned away for others that were before it. */
const forNodes = { access: 'execute', isUnlimited: true } as const

const mostJobsAsked = 10_000
const [leastLeaseMs, mostLeaseMs] = [1000, 600_000] as const

/** What nodes that reach no store speak with the platform. */
export function workerService(
  { queue, secretBox, config }: Pick<GatewayDeps, 'queue' | 'secretBox' | 'config'>,
  sessions: NodeSessions,
): Service {
  const { settings } = queue
  const { leaseMs } = settings
  const access = makeRunAccess(queue)
  const limits = makeRunLimits(config)

  return {
    name: 'noodle.v1.WorkerService',
    methods: {
      GetSettings: unary<object, WorkerSettings>({
        ...forNodes,
        handle: () =>
          Promise.resolve({
            leaseMs: leaseMs,
            leaseGraceMs: settings.leaseGraceMs,
            inlineBytes: settings.inlineBytes,
            tiers: queue.tiers.map(({ name }) => name),
            hasSecrets: secretBox !== null,
          }),
      }),
      Register: unary<RegisterRequest__Output, RegisterResponse>({
        ...forNodes,
        async handle(call, request) {
          const node = readRegistration(
            request,
            queue.tiers.map(({ name }) => name),
          )
          requireSameNode(call, node.id)
          const lease = leaseOf(request.leaseMs, leaseMs)
          if (!(await registerNode(queue, node, { leaseMs: lease, isDraining: request.draining })))
            throw new QueueError(
              'NODE_ID_TAKEN',
              `The node id ${node.id} belongs to another live process, until its lease runs out.`,
            )
          return { leaseMs: lease }
        },
      }),
      Work: bidi<WorkRequest__Output, WorkResponse>({
        ...forNodes,
        async handle(call, messages, send) {
          const requests = messages[Symbol.asyncIterator]()
          const first = await requests.next()
          const hello = first.done ? null : first.value.hello
          if (!hello)
            throw new QueueError('INVALID_REQUEST', 'The first message must be a hello.', {
              fields: [{ path: 'hello', message: 'must be in the first message' }],
            })
          const node = isUuid(hello.bootId) ? await queue.nodes.findBoot(hello.bootId) : null
          if (!node)
            throw new QueueError(
              'NODE_GIVEN_UP',
              'No live node has this boot: it was given up, or never registered.',
            )
          requireSameNode(call, node.id)
          const outbox = makeNodeOutbox(send)
          const session = makeNodeSession(queue, {
            ...{ node, hello, outbox, access, limits, log: call.log() },
            leaseMs: leaseOf(hello.leaseMs, leaseMs),
          })
          const leave = sessions.enter(node.bootId, session)
          try {
            await session.run(requests)
          } finally {
            leave()
          }
        },
      }),
      Goodbye: unary<GoodbyeRequest__Output, object>({
        ...forNodes,
        async handle(call, { bootId }) {
          await access.requireOwn(call, bootId)
          if (isUuid(bootId)) await queue.nodes.sayGoodbye(bootId)
          return {}
        },
      }),
      WriteLogs: unary<WriteLogsRequest__Output, WriteLogsResponse>({
        ...forNodes,
        async handle(call, request) {
          await access.requireOwn(call, request.bootId)
          return { taken: await writeLogs(queue, { access, limits }, request) }
        },
      }),
      SaveCheckpoint: unary<SaveCheckpointRequest__Output, SaveCheckpointResponse>({
        ...forNodes,
        async handle(call, { run, valueJson: json }) {
          if (run) await access.requireOwn(call, run.bootId)
          limits.checkCheckpoint(json.length)
          const value = readJson(json)
          if (value === undefined)
            throw new QueueError('INVALID_REQUEST', 'The checkpoint is not JSON.', {
              fields: [{ path: 'valueJson', message: 'must be JSON' }],
            })
          const job = run && (await access.find(run.bootId, run.jobId, Number(run.fence)))
          if (!job) return { isKept: false }
          const { id: jobId, fence, attempt } = job
          const checkpoint = { jobId, fence, attempt, value }
          return { isKept: await queue.checkpointBatch.add({ bootId: run.bootId, checkpoint }) }
        },
      }),
      GetCheckpoint: unary<GetCheckpointRequest__Output, GetCheckpointResponse>({
        ...forNodes,
        async handle(call, { run }) {
          const { job } = await access.require(call, run)
          return { valueJson: Buffer.from(JSON.stringify(await queue.checkpoints.find(job.id))) }
        },
      }),
      ReadPayload: serverStream<ReadPayloadRequest__Output, BlobPiece>({
        ...forNodes,
        async handle(call, { run, takesLink }, send) {
          const { job } = await access.require(call, run)
          await sendPayload(queue, job, { gone: call.gone(), takesLink, send })
        },
      }),
      StoreBlob: clientStream<StoreBlobRequest__Output, StoreBlobResponse>({
        ...forNodes,
        handle: (call, requests) => storeBlob({ ...queue, access, limits }, call, requests),
      }),
      KeepArtifacts: unary<KeepArtifactsRequest__Output, KeepArtifactsResponse>({
        ...forNodes,
        async handle(call, { run, artifacts }) {
          const { bootId, job } = await access.require(call, run)
          const kept = readArtifacts(artifacts)
          limits.countArtifacts(job, kept)
          return { isKept: await queue.artifacts.keep(bootId, { jobId: job.id, fence: job.fence }, kept) }
        },
      }),
      ReadSecrets: unary<ReadSecretsRequest__Output, ReadSecretsResponse>({
        ...forNodes,
        async handle(call, { run, names }) {
          const { bootId, job } = await access.require(call, run)
          const [name = ''] = names
          if (!secretBox) return { missing: name, why: 'no key' }
          const node = await queue.nodes.findBoot(bootId)
          const declared = node?.tasks.find((task) => task.name === job.task)?.secrets ?? []
          const undeclared = names.find((one) => !declared.includes(one))
          if (undeclared !== undefined)
            throw new QueueError(
              'NOT_PERMITTED',
              `The task ${job.task} does not declare the secret ${undeclared}.`,
            )
          const read = await readSecrets(queue, secretBox, job.tenant, names)
          return 'values' in read ? { values: read.values } : read
        },
      }),
      ListFences: unary<ListFencesRequest__Output, ListFencesResponse>({
        ...forNodes,
        async handle(_, { jobIds: ids }) {
          const known = await queue.jobs.listFences(ids.slice(0, mostJobsAsked).filter(isUuid))
          return {
            fences: [...known].map(([id, { fence, isRunning }]) => ({
              ...{ jobId: id, fence },
              isRunning: isRunning,
            })),
          }
        },
      }),
    },
  }
}

/** What the node reckons with counts, where it says so: it must not trust in a lease for longer than it is. */
const leaseOf = (askedMs: string, ownMs: number): number =>
  Number(askedMs) > 0 ? Math.min(mostLeaseMs, Math.max(leastLeaseMs, Number(askedMs))) : ownMs
