import { ConfigError, type OptionName, orExit, sourceOf } from '../core/config.ts'
import { didYouMean } from '../core/did-you-mean.ts'
import { type LiveConfig, openConfig } from '../core/live-config.ts'
import { type AllowedImages, readAllowedImages } from './executors/allowed-images.ts'
import { findTaskUser, type TaskUser } from './executors/task-user.ts'

/** The options that a worker reads, besides those of its way to the platform. */
const workerOptions = [
  'TIER',
  'CONCURRENCY',
  'NODE_ID',
  'NODE_CPUS',
  'NODE_MEMORY_MB',
  'NODE_GPUS',
  'NODE_GPU_SHARES',
  'NODE_GPU_IDS',
  'TASK_COMMAND_ALLOW',
  'TASK_FFI_ALLOW',
  'TASK_USER',
  'TASK_HTTP_ALLOW',
  'TASK_HTTP_BODY_BYTES',
  'TASK_CONTAINER_IMAGES',
  'TASK_CONTAINER_ENGINE',
  'TASK_CONTAINER_NETWORKS',
  'TASK_CONTAINER_PULL',
  'TASK_CONTAINER_USER',
  'TASKS_DIR',
  'TASK_PYTHON',
  'TASK_WARM_PROCESSES',
  'TASK_WARM_SECONDS',
  'CHECKPOINT_LIMIT_BYTES',
  'PROCESS_LIMIT',
  'OPEN_FILE_LIMIT',
  'SCRATCH_LIMIT_BYTES',
  'SCRATCH_LIMIT_FILES',
  'RESULT_LIMIT_BYTES',
  'ARTIFACT_LIMIT_BYTES',
  'ARTIFACT_LIMIT_COUNT',
  'COMMAND_OUTPUT_BYTES',
  'LOG_LIMIT_BYTES',
  'KILL_GRACE_MS',
  'DRAIN_DEADLINE_MS',
  'METRICS_PORT',
  'METRICS_HOST',
  'METRICS_NETWORKS',
  'LOG_LEVEL',
  'LOG_FORMAT',
] as const

export interface WorkerConfig {
  liveConfig: LiveConfig<(typeof workerOptions)[number]>
  /** TIER, each once. */
  tiers: string[]
  images: AllowedImages
  /** Null: programs run as the user of the worker. */
  taskUser: TaskUser | null
}

/** Reads the worker's options with those of its way, and what must fit together among them or be found on the machine (`path`: where programs are). A wrong one ends the process with a message that names it. */
export const readWorkerConfigOrExit = (path: string, wayOptions: readonly OptionName[]): WorkerConfig =>
  orExit(() => {
    const liveConfig: LiveConfig<(typeof workerOptions)[number]> = openConfig([
      ...workerOptions,
      ...wayOptions,
    ])
    const config = liveConfig.values
    const { TASK_USER: user, NODE_GPU_IDS: ids, NODE_GPUS: gpus, TIER } = config
    if (ids && gpus !== undefined && gpus !== ids.length)
      throw new ConfigError([
        `NODE_GPU_IDS names ${String(ids.length)} of NODE_GPUS=${String(gpus)} GPUs; name as many, or leave NODE_GPUS unset.`,
      ])
    return {
      liveConfig,
      tiers: [...new Set(TIER)],
      images: naming('TASK_CONTAINER_IMAGES', () => readAllowedImages(config.TASK_CONTAINER_IMAGES)),
      taskUser: user === undefined ? null : naming(`TASK_USER is ${user}`, () => findTaskUser(user, path)),
    }
  })

/** Beside the stores, when it is told both; else through a gateway. */
export const findWayOrExit = (): 'direct' | 'remote' => orExit(findWay)

function findWay(): 'direct' | 'remote' {
  const missing = (['DATABASE_URL', 'REDIS_URL'] as const).filter((name) => sourceOf(name) === 'default')
  if (missing.length === 0) return 'direct'
  if (sourceOf('MASTER_HOST') !== 'default') return 'remote'
  throw new ConfigError([
    `${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} not set, and neither is MASTER_HOST. A worker beside the stores needs both DATABASE_URL and REDIS_URL; one that goes through a gateway needs MASTER_HOST, and WORKER_TOKEN or AUTH_JWT_SECRET (docs/remote-workers.md).`,
  ])
}

/** @throws ConfigError when the platform has not all of the tiers, or none is named */
export function checkTiers(tiers: readonly string[], known: readonly string[]): void {
  const unknown = tiers.filter((name) => !known.includes(name))
  if (unknown.length === 0 && tiers.length > 0) return
  const problems = unknown.map((name) => `there is no tier ${name}${didYouMean(name, known)}`)
  throw new ConfigError([
    `TIER: ${problems.join('; ') || 'names no tier'}. The tiers are ${known.join(', ')}.`,
  ])
}

/** @throws ConfigError for any error of `read` */
function naming<T>(option: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new ConfigError([`${option}: ${error instanceof Error ? error.message : String(error)}`])
  }
}
