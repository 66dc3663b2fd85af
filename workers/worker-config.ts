import { type Config, ConfigError, orExit } from '../core/config.ts'
import { didYouMean } from '../core/did-you-mean.ts'
import { type LiveConfig, openConfig } from '../core/live-config.ts'
import { queueOptions } from '../queue/open-queue.ts'
import { type AllowedImages, readAllowedImages } from './executors/allowed-images.ts'
import { findTaskUser, type TaskUser } from './executors/task-user.ts'

/** The options that a worker reads, besides the queue's. */
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
  'SECRETS_KEY',
  'SECRETS_PREVIOUS_KEYS',
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
  liveConfig: LiveConfig<(typeof queueOptions)[number] | (typeof workerOptions)[number]>
  /** TIER, each once. */
  tiers: string[]
  images: AllowedImages
  /** Null: programs run as the user of the worker. */
  taskUser: TaskUser | null
}

/** Reads the worker's options, and what must fit together among them or be found on the machine (`path`: where programs are). A wrong one ends the process with a message that names it. */
export const readWorkerConfigOrExit = (path: string): WorkerConfig =>
  orExit(() => {
    const liveConfig = openConfig([...queueOptions, ...workerOptions])
    const config = liveConfig.values
    const { TASK_USER: user, NODE_GPU_IDS: ids, NODE_GPUS: gpus } = config
    if (ids && gpus !== undefined && gpus !== ids.length)
      throw new ConfigError([
        `NODE_GPU_IDS names ${String(ids.length)} of NODE_GPUS=${String(gpus)} GPUs; name as many, or leave NODE_GPUS unset.`,
      ])
    return {
      liveConfig,
      tiers: knownTiers(config),
      images: naming('TASK_CONTAINER_IMAGES', () => readAllowedImages(config.TASK_CONTAINER_IMAGES)),
      taskUser: user === undefined ? null : naming(`TASK_USER is ${user}`, () => findTaskUser(user, path)),
    }
  })

function knownTiers({ TIER, TIERS }: Pick<Config, 'TIER' | 'TIERS'>): string[] {
  const known = TIERS.map((tier) => tier.name)
  const unknown = TIER.filter((name) => !known.includes(name))
  if (unknown.length === 0 && TIER.length > 0) return [...new Set(TIER)]
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
