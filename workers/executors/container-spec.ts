import type { ContainerCreateOptions } from 'dockerode'
import type { ContainerPayload } from '../../queue/domain/container-task.ts'
import { PermanentFailure, type TaskContext } from '../task.ts'
import { containerLabels } from './labelled-containers.js'
import { markVariable } from './marked-processes.js'
import { runVariables } from './run-variables.ts'

/** What all containers of a worker are held to. */
export interface ContainerBounds {
  /** `uid:gid` that they run as; `image`: what the image says. */
  user: string
  /** Processes and threads of a container. */
  processes: number
  /** Of each process. */
  openFiles: number
}

/** What an image brings that matters here. */
export interface ImageFacts {
  /** `sha256:…` */
  id: string
  /** Folders that would be kept on the engine's disk, outside of all limits. */
  volumes: readonly string[]
}

/** What the machine of the engine has. */
export interface EngineFacts {
  /** An engine refuses a limit beyond them. */
  cpus: number
  /** GPUs as their driver names them, by index. What is beyond them is virtual: a container is told of it and gets no device. */
  gpuIds: readonly string[]
}

/** Whose the container is. */
export interface ContainerMark {
  /** Of the worker process. */
  worker: string
  /** As the keeper counts. */
  generation: number
  /** For the environment, as all that this worker starts has it. */
  process: string
}

const mebibyte = 1024 * 1024

/** Least of what an engine takes for cores. */
const leastCpus = 0.01

/** What decides which devices a container sees, and what is set for it. */
const refused = /^(NOODLE_.*|NVIDIA_.*|CUDA_VISIBLE_DEVICES)$/

/** A name that a container can have only once in an engine: a second start under one fence would be refused. */
export const containerName = (job: { id: string; fence: number }): string =>
  `noodle-${job.id}-${String(job.fence)}`

/**
 * What the engine is asked to make: no privileges, no capability, nothing of the host, nothing to write to but memory that counts against its limit,
 * and nothing that outlives it.
 * @throws PermanentFailure ENV_NOT_ALLOWED
 */
export function containerSpec(
  payload: Omit<ContainerPayload, 'image'>,
  run: Pick<TaskContext, 'job' | 'gpus' | 'limits'>,
  options: { bounds: ContainerBounds; image: ImageFacts; mark: ContainerMark; engine: EngineFacts },
): ContainerCreateOptions {
  const { job, gpus, limits } = run
  const { bounds, image, mark } = options
  const devices = gpus.flatMap((gpu) => (typeof gpu === 'string' ? gpu : (options.engine.gpuIds[gpu] ?? [])))
  const cpus = limits?.cpus ?? null
  const hasStdin = payload.stdin !== undefined
  return {
    name: containerName(job),
    Image: image.id, // what was looked at, should the tag have moved
    ...(payload.argv && { Cmd: payload.argv }),
    ...(payload.entrypoint && { Entrypoint: payload.entrypoint }),
    ...(payload.workdir !== undefined && { WorkingDir: payload.workdir }),
    ...(bounds.user !== 'image' && { User: bounds.user }),
    Env: Object.entries({
      HOME: '/tmp',
      ...allowedEnv(payload.env),
      ...runVariables(run, null), // the folder for artifacts is the worker's, which it can't reach
      // A container counts its own devices from 0. Images for GPUs ask for all of them, and some engines would listen.
      ...(devices.length > 0
        ? { CUDA_VISIBLE_DEVICES: devices.map((_, i) => i).join(',') }
        : { NVIDIA_VISIBLE_DEVICES: 'void' }),
      [markVariable]: mark.process,
    }).map(([name, value]) => `${name}=${value}`),
    Labels: {
      [containerLabels.worker]: mark.worker,
      [containerLabels.generation]: String(mark.generation),
      [containerLabels.job]: job.id,
      [containerLabels.attempt]: String(job.attempt),
      [containerLabels.fence]: String(job.fence),
    },
    Tty: false,
    AttachStdout: true,
    AttachStderr: true,
    AttachStdin: hasStdin,
    OpenStdin: hasStdin,
    StdinOnce: hasStdin,
    HostConfig: {
      Privileged: false,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges:true'],
      ReadonlyRootfs: true,
      Tmpfs: Object.fromEntries(
        ['/tmp', ...image.volumes].map((folder) => [folder, tmpfsOptions(limits?.memoryMb)]),
      ),
      NetworkMode: payload.network ?? 'none',
      IpcMode: 'private',
      PublishAllPorts: false,
      Init: true, // reaps what is orphaned, and passes SIGTERM on to what would not hear it as process 1
      ...(limits && { Memory: limits.memoryMb * mebibyte, MemorySwap: limits.memoryMb * mebibyte }), // the same: no swap
      ...(cpus !== null && {
        NanoCpus: Math.round(Math.min(Math.max(cpus, leastCpus), options.engine.cpus) * 1e9),
      }),
      PidsLimit: bounds.processes,
      Ulimits: [
        { Name: 'nofile', Soft: bounds.openFiles, Hard: bounds.openFiles },
        { Name: 'core', Soft: 0, Hard: 0 },
      ],
      ...(devices.length > 0 && {
        DeviceRequests: [{ Driver: '', Count: 0, DeviceIDs: devices, Capabilities: [['gpu']], Options: {} }],
      }),
      LogConfig: { Type: 'none', Config: {} }, // its output comes to us, and is not kept on the engine's disk
      RestartPolicy: { Name: 'no' },
    },
  }
}

/** Half of the memory, as Linux does by default: a full one is an error for who writes, and not yet the end of the container. */
const tmpfsOptions = (memoryMb: number | undefined): string =>
  `rw,nosuid,nodev,exec,mode=1777${memoryMb === undefined ? '' : `,size=${String(Math.max(1, Math.floor(memoryMb / 2)))}m`}`

function allowedEnv(env: Record<string, string> = {}): Record<string, string> {
  const name = Object.keys(env).find((variable) => refused.test(variable.toUpperCase()))
  if (name === undefined) return env
  throw new PermanentFailure(
    'ENV_NOT_ALLOWED',
    `The variable ${name} can't be set for a container: it decides which devices it sees, or is set for it. Leave it out of env.`,
  )
}
