import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { openOrExit } from '../core/config.ts'
import { type Component, runProcess } from '../core/lifecycle.ts'
import { makeLogger } from '../core/logger.ts'
import { makeMetrics } from '../core/metrics.ts'
import { makeMetricsEndpoint } from '../core/metrics-endpoint.ts'
import { version } from '../core/version.ts'
import { builtinTasks } from '../queue/domain/builtin-tasks.ts'
import { makeRuns } from '../queue/intake/runs.ts'
import { makeConfigKeeper } from '../queue/use-cases/config-keeper.ts'
import { makeContainerSweeper } from './container-sweeper.ts'
import { findAllowedPrograms } from './executors/allowed-programs.ts'
import { echo, sleep } from './executors/builtin.ts'
import { openCgroups } from './executors/open-cgroups.ts'
import { makeCommandTask } from './executors/command.ts'
import { readInheritedEnvironment } from './executors/command-environment.ts'
import { findAllowedLibraries } from './executors/ffi-task.ts'
import { makeHttpTask } from './executors/http-task.ts'
import { makeContainerTask } from './executors/container.ts'
import { makeContainers } from './executors/containers.ts'
import { makeProcessGroups } from './executors/process-groups.ts'
import { makeScratchFolders } from './executors/scratch-folders.ts'
import { makeScratchGuard } from './executors/scratch-guard.ts'
import { readTasksFolders } from './executors/tasks-folder.ts'
import { makeWarmRoom } from './executors/warm-processes.ts'
import { clearAwayDeadWorkers, ownMark } from './executors/worker-mark.ts'
import { makeJobHolder } from './job-holder.ts'
import { makeKeeper } from './keeper.ts'
import { makeLeaseWatchdog } from './lease-watchdog.ts'
import { makeLogShipper } from './log-shipper.ts'
import { makeNodeLease } from './node-lease.ts'
import { listGpus, measureResources } from './node-resources.ts'
import { makeNodeUseMeter } from './node-use.ts'
import { makeOrphanSweeper } from './orphan-sweeper.ts'
import { makeRunBlobs } from './run-blobs.ts'
import type { Task } from './task.ts'
import { findWayOrExit, readWorkerConfigOrExit } from './worker-config.ts'

const inherited = readInheritedEnvironment()
const way = findWayOrExit()
// Loaded where it is gone: the other way's libraries take time and memory.
const { openWay, wayOptions } = await (way === 'direct'
  ? import('./direct-way.ts')
  : import('./remote/open-remote-way.ts'))
const { liveConfig, tiers, images, taskUser } = readWorkerConfigOrExit(inherited.PATH, wayOptions)
const config = liveConfig.values
// Left over from Kubernetes or compose, a host name may hold what a node id may not.
const nodeId =
  config.NODE_ID ??
  `${hostname()
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 50)}-${randomBytes(3).toString('hex')}`
const log = makeLogger({
  level: () => config.LOG_LEVEL,
  format: config.LOG_FORMAT,
  fields: { process: 'worker', nodeId },
})
const metrics = makeMetrics()

clearAwayDeadWorkers(log)
const { platform, newId, connection, configHistory, openIntake } = await openOrExit(() =>
  openWay({ config, nodeId, tiers, log, metrics }),
)
const workerDeps = { platform, newId, metrics, log }

/** Groups beyond those of running jobs and idle processes: some that are ending, some that are asked what they are. */
const spareGroups = 16
/** What a line of the protocol has around its value. */
const envelopeBytes = 1024

const mark = ownMark()
const keeper = makeKeeper({ mark, engine: config.TASK_CONTAINER_ENGINE, log })
const cgroups = openCgroups(mark)
if (cgroups) log.info('programs are limited by control groups', { version: cgroups.version })
else
  log.info(
    'control groups can not be written here: memory of programs is watched, their cores are not limited',
  )
const groups = makeProcessGroups({
  ...{
    most: config.CONCURRENCY + config.TASK_WARM_PROCESSES + spareGroups,
    path: inherited.PATH,
    keeper,
    cgroups,
  },
  processes: config.PROCESS_LIMIT,
  openFiles: config.OPEN_FILE_LIMIT,
  scratchGuard: makeScratchGuard({ bytes: config.SCRATCH_LIMIT_BYTES, files: config.SCRATCH_LIMIT_FILES }),
  user: taskUser,
})
const programs = findAllowedPrograms(config.TASK_COMMAND_ALLOW, { path: inherited.PATH, log })
const scratchFolders = makeScratchFolders(mark, taskUser)
const command = makeCommandTask({
  programs,
  groups,
  inherited,
  outputBytes: config.COMMAND_OUTPUT_BYTES,
  scratchFolders,
})
const allow = config.TASK_HTTP_ALLOW.filter((rule) => rule !== 'none')
const http = allow.length > 0 ? [makeHttpTask({ allow, bodyBytes: config.TASK_HTTP_BODY_BYTES })] : []
const containers = makeContainers({
  address: config.TASK_CONTAINER_ENGINE,
  bounds: {
    user: config.TASK_CONTAINER_USER,
    processes: config.PROCESS_LIMIT,
    openFiles: config.OPEN_FILE_LIMIT,
    listGpus,
  },
  mayPull: config.TASK_CONTAINER_PULL,
  ...{ keeper, log },
})
const container = makeContainerTask({
  containers,
  images,
  networks: config.TASK_CONTAINER_NETWORKS,
  outputBytes: config.COMMAND_OUTPUT_BYTES,
})
const builtin: Task[] = [
  ...[echo, sleep, ...http],
  ...(programs.names.length > 0 ? [command] : []),
  ...(config.TASK_CONTAINER_IMAGES.length > 0 ? [container] : []),
]
// Whatever way the process ends, as long as it can still act.
process.on('exit', () => {
  groups.killAll()
  cgroups?.removeAll()
  scratchFolders.removeAll()
})

const offered = [
  ...builtin,
  ...(await readTasksFolders({
    folders: config.TASKS_DIR,
    python: config.TASK_PYTHON,
    libraries: findAllowedLibraries(config.TASK_FFI_ALLOW, log),
    reserved: builtinTasks.map(({ name }) => name),
    hasSecrets: platform.readSecrets !== undefined,
    groups,
    inherited,
    scratchFolders,
    containers,
    resultBytes: config.RESULT_LIMIT_BYTES,
    lineBytes: Math.max(config.RESULT_LIMIT_BYTES, config.CHECKPOINT_LIMIT_BYTES) + envelopeBytes,
    warm: makeWarmRoom({ most: config.TASK_WARM_PROCESSES, idleMs: config.TASK_WARM_SECONDS * 1000 }),
    log,
  })),
]

let isStopping = false
const runs = makeRuns()
const watchdog = makeLeaseWatchdog({ groups: groups.shared, leaseMs: platform.settings.leaseMs })
const resources = await measureResources({
  cpus: config.NODE_CPUS,
  memoryMb: config.NODE_MEMORY_MB,
  gpus: config.NODE_GPUS,
  gpuIds: config.NODE_GPU_IDS,
})
const use = makeNodeUseMeter({ ...resources, log })
const lease = makeNodeLease(workerDeps, {
  node: {
    id: nodeId,
    tiers,
    ...resources,
    concurrency: config.CONCURRENCY,
    version,
    tasks: offered.map((task) => task.offer),
  },
  runs,
  guards: [watchdog, keeper],
  killAll() {
    groups.killAll()
    containers.killAll()
  },
  onDraining: () => intake.stopIntake(),
  onRecalled() {
    if (!isStopping) intake.resumeIntake()
  },
  get killGraceMs() {
    return config.KILL_GRACE_MS
  },
  report: () => ({ isDrained: intake.isDrained(), use: use.latest() }),
})
const logs = makeLogShipper(workerDeps, {
  get limitBytes() {
    return config.LOG_LIMIT_BYTES
  },
})
const holder = makeJobHolder(workerDeps, {
  tasks: new Map(offered.map((task) => [task.offer.name, task])),
  resultBytes: config.RESULT_LIMIT_BYTES,
  readSecrets: platform.readSecrets,
  blobs: makeRunBlobs(workerDeps, {
    get bytes() {
      return config.ARTIFACT_LIMIT_BYTES
    },
    get count() {
      return config.ARTIFACT_LIMIT_COUNT
    },
  }),
  checkpointBytes: config.CHECKPOINT_LIMIT_BYTES,
  get killGraceMs() {
    return config.KILL_GRACE_MS
  },
  drainDeadlineMs: config.DRAIN_DEADLINE_MS,
  hasLapsed: (boot) => lease.hasLapsed(boot),
  runs,
  logs,
})
const { intake, beside } = openIntake({
  tiers,
  capacity: { slots: config.CONCURRENCY, gpuShares: config.NODE_GPU_SHARES, ...resources },
  ...(config.NODE_GPU_IDS && { gpuIds: config.NODE_GPU_IDS }),
  tasks: new Set(offered.map((task) => task.offer.name)),
  lease,
  runs,
  carry: (run, onRan) => holder.carry(run, onRan),
})

const configKeeper = makeConfigKeeper(
  { configHistory, metrics, log },
  {
    config: liveConfig,
    process: `worker (${[...tiers].sort().join(', ')})`,
    instance: nodeId,
  },
)
const health: Component = {
  name: 'health',
  start: () => Promise.resolve(),
  stop() {
    isStopping = true
    return Promise.resolve()
  },
}

/** Not ready: a node that has no jobs and gets none. Kubernetes removes such a pod before any that has (docs/adr/0016-pods-that-go.md). */
function whyNotReady(): string | null {
  if (isStopping) return 'it is stopping'
  if (!lease.isHeld()) return 'it is not registered, or its lease could not be renewed'
  return intake.isDrained() ? 'it was told to take no more jobs, and has none' : null
}

await runProcess({
  log,
  components: [
    connection,
    configKeeper,
    logs,
    makeMetricsEndpoint({
      port: config.METRICS_PORT,
      host: config.METRICS_HOST,
      networks: config.METRICS_NETWORKS,
      metrics,
      log,
      isHealthy: () => !isStopping,
      whyNotReady,
    }),
    watchdog,
    keeper,
    makeOrphanSweeper({ mark, runs, log, cgroups }),
    ...(offered.some(({ offer }) => offer.kind === 'container')
      ? [makeContainerSweeper({ address: config.TASK_CONTAINER_ENGINE, platform, runs, log })]
      : []),
    use,
    lease,
    holder.takeFrom(intake),
    ...beside,
    health,
  ],
  // The consumers, the goodbye and the stores each have a limit of their own.
  stopDeadlineMs: config.DRAIN_DEADLINE_MS + 10_000,
  reload: () => configKeeper.reload(),
})
