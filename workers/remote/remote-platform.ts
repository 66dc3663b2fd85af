import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { within } from '../../core/within.ts'
import type { LeaseRenewed__Output } from '../../proto/generated/noodle/v1/LeaseRenewed.ts'
import type { LogLines } from '../../proto/generated/noodle/v1/LogLines.ts'
import type { RunEnded__Output } from '../../proto/generated/noodle/v1/RunEnded.ts'
import type { RunId } from '../../proto/generated/noodle/v1/RunId.ts'
import { type ErrorCode, QueueError } from '../../queue/domain/errors.ts'
import type { ClaimedJob, Json } from '../../queue/domain/job.ts'
import type { JobErrorCode } from '../../queue/domain/job-errors.ts'
import type { JobState } from '../../queue/domain/job-state.ts'
import type { SizedStream, StoredBlob } from '../../queue/store/blobs/blob-store.ts'
import type { JobLogChunk } from '../../queue/store/live-logs.ts'
import { isWorthRetrying } from '../../queue/use-cases/finish-job.ts'
import type { SecretsRead } from '../../queue/use-cases/read-secrets.ts'
import { PermanentFailure } from '../task.ts'
import type { Platform, PlatformSettings } from '../platform.ts'
import type { GatewayClient } from './gateway-client.ts'
import type { GatewayLink } from './gateway-link.ts'
import type { WorkStream } from './work-stream.ts'
import type { PayloadReader } from './payload-reader.ts'
import { storedRef, toFinish, toLogLines, toRegisterRequest, toState } from './messages.ts'

const goodbyeMs = 1500
/** How long a checkpoint is asked for; a gateway that died is found and left in less. */
const checkpointPatienceMs = 30_000
const retryMs = 200
/** Text of logs in one message. */
const messageBytes = 1_000_000
const pieceBytes = 262_144

/** The platform of a node that reaches no store: everything goes through a gateway. */
export function makeRemotePlatform(
  link: GatewayLink,
  payloads: PayloadReader,
  settings: PlatformSettings & { hasSecrets: boolean },
): Platform {
  const { leaseMs } = settings
  /** A gateway that takes longer to answer a renewal is taken for dead, and before that another one is looked for: it may still renew in time. */
  const renewMs = leaseMs * 0.3
  const doubtMs = leaseMs * 0.1

  /** Over the connection of the moment. */
  const call: GatewayClient['call'] = async (name, request, options) => {
    const client = link.client()
    try {
      return await client.call(name, request, options)
    } catch (error) {
      if (isCode(error, 'GATEWAY_UNAVAILABLE')) link.suspect(client)
      throw patient(error)
    }
  }

  const runOf = (job: Pick<ClaimedJob, 'id' | 'fence'>): RunId => ({
    bootId: link.bootId() ?? '',
    jobId: job.id,
    fence: job.fence,
  })

  async function store(
    job: ClaimedJob,
    artifact: string,
    content: Buffer | SizedStream,
    signal: AbortSignal,
  ): Promise<StoredBlob> {
    const bytes = Buffer.isBuffer(content) ? content.length : content.bytes
    const pieces = Buffer.isBuffer(content) ? [content] : (content.stream as AsyncIterable<Buffer>)
    const hash = createHash('sha256')
    const client = link.client()
    try {
      const stored = await client.storeBlob({ run: runOf(job), artifact, bytes }, cut(pieces, hash), signal)
      const sha256 = hash.digest('hex')
      if (stored.sha256 !== sha256)
        throw new QueueError('BLOBS_UNAVAILABLE', `${artifact || 'The result'} was changed on its way.`)
      return { bytes, sha256 }
    } catch (error) {
      if (isCode(error, 'GATEWAY_UNAVAILABLE')) link.suspect(client)
      throw final(patient(error), artifact === '' ? 'RESULT_TOO_LARGE' : 'ARTIFACTS_TOO_LARGE')
    }
  }

  async function sendLogs(logs: LogLines[], liveOnly: boolean): Promise<boolean[]> {
    const taken: boolean[] = []
    for (const part of inParts(logs)) {
      const answer = await call('WriteLogs', { bootId: link.bootId() ?? '', logs: part, liveOnly })
      taken.push(...answer.taken)
    }
    return taken
  }

  async function renewed(
    bootId: string,
    renewal: Parameters<WorkStream['renew']>[0],
  ): Promise<LeaseRenewed__Output> {
    const stream = await link.stream(bootId, renewMs)
    const answer = stream.renew(renewal)
    const settled = answer.catch(() => undefined)
    if (!(await within(doubtMs, settled))) {
      link.doubt(stream)
      if (!(await within(renewMs - doubtMs, settled))) stream.close()
      link.trust(stream)
    }
    return answer
  }

  return {
    settings,
    async registerNode(node, { isDraining }) {
      try {
        await call('Register', toRegisterRequest(node, { isDraining, leaseMs }))
      } catch (error) {
        if (isCode(error, 'NODE_ID_TAKEN')) return false
        throw error
      }
      link.attach(node.bootId)
      return true
    },
    async renew(bootId, { isDrained, use }) {
      const answer = await renewed(bootId, {
        isDrained,
        ...(use.cpu !== null && { cpuUse: use.cpu }),
        ...(use.memory !== null && { memoryUse: use.memory }),
        ...(use.gpu !== null && { gpuUse: use.gpu }),
      }).catch((error: unknown) => {
        if (isCode(error, 'NODE_GIVEN_UP')) return null
        throw error
      })
      if (!answer) return null
      if (answer.tryAgain) throw unavailable()
      if (!answer.isLive) return null
      return {
        state: answer.isDraining ? 'draining' : 'ready',
        held: answer.held.map((job) => ({
          id: job.jobId,
          fence: Number(job.fence),
          handBacks: 0, // the gateway knows them
          isCancelRequested: job.cancelRequested,
        })),
      }
    },
    async sayGoodbye(bootId) {
      await call('Goodbye', { bootId }, { deadlineMs: goodbyeMs })
      link.detach()
    },
    onChange(_, hear) {
      link.hearer.onRenewNow = hear
      return Promise.resolve()
    },
    async endRun(bootId, job, end, { hasKept }) {
      const stream = await link.stream(bootId, leaseMs)
      return stateOf(await stream.finish(toFinish(job, end, hasKept)))
    },
    async handBack(bootId, held, reason) {
      const stream = await link.stream(bootId, leaseMs)
      return stateOf(await stream.handBack({ jobId: held.id, fence: held.fence, reason }))
    },
    noteProgress(_, { id, fence, progress, note }) {
      link.openStream()?.noteProgress({
        ...{ jobId: id, fence, percent: progress },
        ...(note !== null && { note }),
      })
      return Promise.resolve()
    },
    async keepCheckpoint(bootId, { jobId, fence, value }) {
      const valueJson = Buffer.from(JSON.stringify(value))
      return (await call('SaveCheckpoint', { run: { bootId, jobId, fence }, valueJson })).isKept
    },
    async findCheckpoint(job) {
      const giveUpMs = performance.now() + checkpointPatienceMs
      for (;;) {
        try {
          const { valueJson } = await call('GetCheckpoint', { run: runOf(job) })
          return JSON.parse(valueJson.toString()) as Json
        } catch (error) {
          if (isCode(error, 'NOT_HELD')) return null
          if (!isWorthRetrying(error) || performance.now() > giveUpMs) throw error
          await delay(retryMs)
        }
      }
    },
    keptLogs: {
      async insert(chunks) {
        await sendLogs(chunks.map(toLogLines), false)
      },
    },
    liveLogs: {
      append: (chunks: readonly JobLogChunk[]) =>
        sendLogs(chunks.map(toLogLines), true).catch(() => chunks.map(() => false)),
      async forget(jobs) {
        const forget = jobs.flatMap(({ jobId, ends }) =>
          [...Map.groupBy(ends, ({ attempt }) => attempt)].map(([attempt, own]) => ({
            ...{ jobId, attempt },
            seqs: own.map(({ seq }) => seq),
          })),
        )
        await call('WriteLogs', { bootId: link.bootId() ?? '', forget }).catch(() => undefined)
      },
    },
    async readPayload(job, ref, signal) {
      try {
        const bytes = await payloads.read(link.client(), runOf(job), ref, signal)
        return JSON.parse(bytes.toString()) as Json
      } catch (error) {
        throw patient(error)
      }
    },
    putResult: async (job, bytes, signal) => storedRef(job, await store(job, '', bytes, signal)),
    putArtifact: store,
    async keepArtifacts(bootId, job, artifacts) {
      try {
        const run = { bootId, jobId: job.id, fence: job.fence }
        return (await call('KeepArtifacts', { run, artifacts: [...artifacts] })).isKept
      } catch (error) {
        if (isCode(error, 'NOT_HELD')) return false
        throw final(error, 'ARTIFACTS_TOO_LARGE')
      }
    },
    ...(settings.hasSecrets && {
      async readSecrets(job: ClaimedJob, names: readonly string[]): Promise<SecretsRead> {
        const { values, missing, why } = await call('ReadSecrets', { run: runOf(job), names: [...names] })
        return missing === '' ? { values } : { missing, why: why as 'not set' }
      },
    }),
    async listFences(ids) {
      const { fences } = await call('ListFences', { jobIds: [...ids] })
      return new Map(
        fences.map(({ jobId, fence, isRunning }) => [jobId, { fence: Number(fence), isRunning }]),
      )
    },
  }
}

function stateOf({ state, tryAgain, failed }: RunEnded__Output): JobState | null {
  if (tryAgain) throw unavailable()
  if (failed) throw new Error('The gateway could not store the end of the job.')
  return toState(state)
}

const unavailable = (): QueueError =>
  new QueueError('POSTGRES_UNAVAILABLE', 'The gateway could not store it now.')

const isCode = (error: unknown, code: ErrorCode): boolean =>
  error instanceof QueueError && error.code === code

/** A token that is refused while jobs run is an outage like another: what runs goes on as long as the lease lasts. */
function patient(error: unknown): unknown {
  if (!isCode(error, 'BAD_TOKEN') && !isCode(error, 'NOT_PERMITTED')) return error
  return new QueueError('GATEWAY_UNAVAILABLE', (error as Error).message, { cause: error })
}

/** What is larger than the gateway takes does not get smaller by another attempt. */
const final = (error: unknown, code: JobErrorCode): unknown =>
  isCode(error, 'TOO_LARGE') ? new PermanentFailure(code, (error as Error).message, error) : error

/** Each small enough for a message. */
function inParts(logs: LogLines[]): LogLines[][] {
  const parts: LogLines[][] = []
  let bytes = Infinity
  for (const log of logs) {
    const own = (log.lines ?? []).reduce((sum, { text = '' }) => sum + text.length, 0)
    if (bytes + own > messageBytes) {
      parts.push([])
      bytes = 0
    }
    parts.at(-1)?.push(log)
    bytes += own
  }
  return parts
}

async function* cut(
  pieces: AsyncIterable<Buffer> | Iterable<Buffer>,
  hash: { update(piece: Buffer): unknown },
): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    hash.update(piece)
    for (let at = 0; at < piece.length; at += pieceBytes) yield piece.subarray(at, at + pieceBytes)
  }
}
