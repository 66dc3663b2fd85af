import { LRUCache } from 'lru-cache'
import { QueueError } from '../../../queue/domain/errors.ts'
import type { ClaimedJob } from '../../../queue/domain/job.ts'
import type { GatewayConfig } from '../../gateway-config.ts'

export type LimitOptions = Pick<
  GatewayConfig,
  | 'RESULT_LIMIT_BYTES'
  | 'CHECKPOINT_LIMIT_BYTES'
  | 'LOG_LIMIT_BYTES'
  | 'ARTIFACT_LIMIT_BYTES'
  | 'ARTIFACT_LIMIT_COUNT'
>

/** What runs of remote nodes may store, whatever their nodes believe. */
export interface RunLimits {
  /** @throws TOO_LARGE */
  checkCheckpoint(bytes: number): void
  /** @throws TOO_LARGE */
  checkResult(bytes: number): void
  /** Counts artifacts with those that the run has stored here before; one of the same name takes the place of the former. @throws TOO_LARGE */
  countArtifacts(run: Pick<ClaimedJob, 'id' | 'fence'>, artifacts: readonly Counted[]): void
  /** False for a run whose log is as large as it may be. */
  mayLog(start: Start): boolean
  countLog(start: Start, bytes: number): void
}

interface Start {
  jobId: string
  attempt: number
}

interface Counted {
  name: string
  bytes: number
}

/** Runs whose artifacts are remembered, and whose logs; the count of one that is forgotten begins anew. */
const [mostRuns, mostLogs] = [2000, 20_000]
/** Above the limit, for the line in which a node tells what it has left out. */
const lastLineBytes = 65_536

export function makeRunLimits(config: Readonly<LimitOptions>): RunLimits {
  const stored = new LRUCache<string, Map<string, number>>({ max: mostRuns })
  const logged = new LRUCache<string, number>({ max: mostLogs })
  const bytesLogged = ({ jobId, attempt }: Start): number => logged.get(`${jobId} ${String(attempt)}`) ?? 0

  return {
    checkCheckpoint(bytes) {
      if (bytes > config.CHECKPOINT_LIMIT_BYTES)
        throw tooLarge(
          'valueJson',
          `The checkpoint has ${String(bytes)} bytes`,
          config,
          'CHECKPOINT_LIMIT_BYTES',
        )
    },
    checkResult(bytes) {
      if (bytes > config.RESULT_LIMIT_BYTES)
        throw tooLarge('head.bytes', `The result has ${String(bytes)} bytes`, config, 'RESULT_LIMIT_BYTES')
    },
    countArtifacts({ id, fence }, artifacts) {
      const key = `${id} ${String(fence)}`
      const counted = new Map([
        ...(stored.get(key) ?? []),
        ...artifacts.map(({ name, bytes }) => [name, bytes] as const),
      ])
      if (counted.size > config.ARTIFACT_LIMIT_COUNT)
        throw tooLarge(
          'artifact',
          `There are ${String(counted.size)} artifacts`,
          config,
          'ARTIFACT_LIMIT_COUNT',
        )
      const bytes = [...counted.values()].reduce((sum, one) => sum + one, 0)
      if (bytes > config.ARTIFACT_LIMIT_BYTES)
        throw tooLarge(
          'artifact',
          `The artifacts have ${String(bytes)} bytes`,
          config,
          'ARTIFACT_LIMIT_BYTES',
        )
      stored.set(key, counted)
    },
    mayLog: (start) => bytesLogged(start) < config.LOG_LIMIT_BYTES + lastLineBytes,
    countLog(start, bytes) {
      logged.set(`${start.jobId} ${String(start.attempt)}`, bytesLogged(start) + bytes)
    },
  }
}

function tooLarge(path: string, what: string, config: LimitOptions, option: keyof LimitOptions): QueueError {
  const message = `more than the ${String(config[option])} of ${option} on this gateway`
  return new QueueError('TOO_LARGE', `${what}, ${message}.`, { fields: [{ path, message }] })
}
