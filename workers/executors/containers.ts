import type Docker from 'dockerode'
import { constants } from 'node:os'
import { performance } from 'node:perf_hooks'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { openEngine, saidBy } from '../../core/container-engine.ts'
import type { Logger } from '../../core/logger.ts'
import type { ContainerPayload } from '../../queue/domain/container-task.ts'
import type { Keeper } from '../keeper.ts'
import { stopOf } from '../../queue/intake/stop.ts'
import { type TaskContext, TaskFailure } from '../task.ts'
import { aborted, answerDeadlineMs, engineFailure, findImage, pullImage } from './container-engine.ts'
import {
  type ContainerBounds,
  containerName,
  containerSpec,
  type EngineFacts,
  type ImageFacts,
} from './container-spec.ts'
import { watchUsage } from './container-usage.ts'
import {
  containerLabels,
  findContainers,
  removeContainer,
  untilContainerEnded,
} from './labelled-containers.js'
import { makeFrameReader } from './output-frames.ts'
import type { GroupEnd } from './process-groups.ts'
import { killStrays } from './stray-processes.ts'

/** Starts containers for runs, and sees to it that they are gone afterwards. */
export interface Containers {
  /** @throws TaskFailure when there is no such image, the engine refuses or is away; what the run's signal was aborted with when that came first */
  run(start: ContainerStart): Promise<ContainerEnd>
  /** Kills and removes all that run, without waiting for it. */
  killAll(): void
}

export interface ContainerStart extends ContainerPayload {
  context: Pick<TaskContext, 'job' | 'gpus' | 'limits' | 'signal' | 'log'>
  onStdout: (piece: Buffer) => void
  onStderr: (piece: Buffer) => void
}

export interface ContainerEnd extends GroupEnd {
  imageId: string
}

/** After its end, for the last of its output. */
const outputDeadlineMs = 2000
/** How long a container may take to end after SIGKILL. */
const killDeadlineMs = 10_000
/** How long an engine may be away before a container that can't be seen to be gone is left to whoever sweeps. */
const awayDeadlineMs = 30_000

export function makeContainers(options: {
  /** `unix://…` or `tcp://…` */
  address: string
  bounds: ContainerBounds & {
    /** The names of the node's GPUs, by index. */
    listGpus: () => Promise<readonly string[]>
  }
  /** Images that the engine has not are fetched. */
  mayPull: boolean
  keeper: Pick<Keeper, 'mark' | 'markContainer' | 'isCurrent'>
  log: Logger
}): Containers {
  const { address, bounds, keeper, log } = options
  const live = new Set<string>()
  let opened: Promise<{ engine: Docker; facts: EngineFacts }> | undefined

  /** At the first run, and again as long as there is no answer. */
  function open(): Promise<{ engine: Docker; facts: EngineFacts }> {
    opened ??= openEngine(address).then(async (engine) => {
      const [info, gpuIds] = await Promise.all([
        Promise.race([
          engine.info() as Promise<{ NCPU: number }>,
          aborted(AbortSignal.timeout(answerDeadlineMs)),
        ]),
        bounds.listGpus(),
      ])
      return { engine, facts: { cpus: info.NCPU, gpuIds } }
    })
    opened.catch(() => (opened = undefined))
    return opened
  }

  async function imageOf(engine: Docker, { image, context }: ContainerStart): Promise<ImageFacts> {
    const { signal } = context
    const found = await findImage(engine, image, within(signal))
    if (found) return found
    if (!options.mayPull)
      throw new TaskFailure(
        'IMAGE_MISSING',
        `The container engine has no image ${image}; load it there, or set TASK_CONTAINER_PULL=true.`,
      )
    context.log.tell(`The image ${image} is fetched.`)
    try {
      await pullImage(engine, image, signal)
    } catch (error) {
      signal.throwIfAborted()
      throw new TaskFailure(
        'IMAGE_MISSING',
        `The image ${image} could not be fetched: ${saidBy(error)}`,
        error,
      )
    }
    const fetched = await findImage(engine, image, within(signal))
    if (!fetched) throw new TaskFailure('IMAGE_MISSING', `The image ${image} is gone again.`)
    return fetched
  }

  /** What an earlier start of the job left in this engine, because its worker died together with its keeper. */
  async function removeEarlier({ id, fence }: { id: string; fence: number }): Promise<void> {
    const left = await findContainers(address, `${containerLabels.job}=${id}`)
    await Promise.all(left.filter((c) => c.fence < fence).map((c) => removeContainer(address, c.id)))
  }

  async function run(start: ContainerStart): Promise<ContainerEnd> {
    const { job, signal } = start.context
    try {
      const { engine, facts } = await Promise.race([open(), aborted(signal)])
      const image = await imageOf(engine, start)
      if (job.attempt > 1) await removeEarlier(job)
      return await runImage(engine, start, image, facts)
    } catch (error) {
      signal.throwIfAborted()
      throw engineFailure(address, start.image, error)
    }
  }

  async function runImage(
    engine: Docker,
    start: ContainerStart,
    image: ImageFacts,
    facts: EngineFacts,
  ): Promise<ContainerEnd> {
    const { signal, job } = start.context
    signal.throwIfAborted() // nobody would hear of it later
    const process = keeper.mark()
    const mark = { ...keeper.markContainer(), process }
    const spec = containerSpec(start, start.context, { bounds, image, mark, engine: facts })
    const name = containerName(job)
    live.add(name)
    try {
      const container = await engine.createContainer({ ...spec, abortSignal: within(signal) })
      // Two connections: what a container leaves unread of its input breaks its own, and would take output along.
      const output = await attach(container, { stdout: true, stderr: true })
      const input = start.stdin === undefined ? null : await attach(container, { stdin: true })
      try {
        const outputEnded = readOutput(output, start)
        // Woken from a freeze, with the lease over meanwhile: what begins now nobody would end in time.
        if (!keeper.isCurrent(process)) throw new TaskFailure('TASK_ERROR', 'The lease of the node ran out.')
        signal.throwIfAborted()
        // Not given up with the run: what has begun gets its grace.
        await container.start({ abortSignal: AbortSignal.timeout(answerDeadlineMs) })
        input?.end(start.stdin)
        const end = await untilEnd(container, start)
        await Promise.race([outputEnded, delay(outputDeadlineMs, undefined, { ref: false })])
        return { ...end, imageId: image.id }
      } finally {
        output.destroy()
        input?.destroy()
      }
    } finally {
      await remove(name, spec.Env ?? [])
      live.delete(name)
    }
  }

  async function untilEnd(container: Docker.Container, { context }: ContainerStart): Promise<GroupEnd> {
    const { signal, limits } = context
    const over = new AbortController()
    const stopping = { by: null as string | null }
    let killTimer: NodeJS.Timeout | undefined

    const tell = (sign: 'SIGTERM' | 'SIGKILL', how: string): void => {
      stopping.by = how
      // One that has ended meanwhile refuses.
      container
        .kill({ signal: sign, abortSignal: AbortSignal.timeout(killDeadlineMs) })
        .catch(() => undefined)
      if (sign === 'SIGKILL') killTimer = setTimeout(() => over.abort(), killDeadlineMs)
    }
    const onAbort = (): void => {
      const { killGraceMs } = stopOf(signal)
      if (killGraceMs === 0) {
        tell('SIGKILL', 'SIGKILL')
        return
      }
      tell('SIGTERM', 'SIGTERM')
      const graceS = String(killGraceMs / 1000)
      killTimer = setTimeout(() => tell('SIGKILL', `SIGKILL after ${graceS} s`), killGraceMs)
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort)
    const usage = watchUsage(() => container.stats({ stream: false, 'one-shot': true }), over.signal)
    try {
      const exitCode =
        (await untilContainerEnded(address, container.id, over.signal)) ?? 128 + constants.signals.SIGKILL // removed by somebody else, who killed it before
      const isOutOfMemory = exitCode !== 0 && (await wasOutOfMemory(container))
      return {
        exitCode,
        signal: signalOf(exitCode),
        stopped: stopping.by === 'SIGTERM' ? `SIGTERM, exit ${String(exitCode)}` : stopping.by,
        outOfMemoryMb: isOutOfMemory ? (limits?.memoryMb ?? null) : null,
        scratchFull: null,
        usage: usage(),
      }
    } finally {
      over.abort()
      clearTimeout(killTimer)
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Until the engine says that it is gone: what may still run must not be run again. */
  async function remove(name: string, env: readonly string[]): Promise<void> {
    const startedMs = performance.now()
    for (let waitMs = 50; ; waitMs = Math.min(1000, waitMs * 2)) {
      try {
        await removeContainer(address, name)
        return
      } catch (error) {
        await killStrays(Object.fromEntries(env.map((entry) => entry.split('=', 2) as [string, string])))
        if (performance.now() - startedMs > awayDeadlineMs) {
          log.warn('a container could not be removed; a sweep does so when the engine answers', {
            name,
            error,
          })
          return
        }
        await delay(waitMs)
      }
    }
  }

  return {
    run,
    killAll() {
      for (const name of live) removeContainer(address, name).catch(() => undefined) // the keeper does so too
    },
  }
}

/** Aborted with the run, or when an answer takes too long. */
const within = (signal: AbortSignal): AbortSignal =>
  AbortSignal.any([signal, AbortSignal.timeout(answerDeadlineMs)])

/** A connection of its own for what goes in or comes out, from before the first byte. Aborting its request would end it any time later, so only silence does. */
async function attach(
  container: Docker.Container,
  streams: { stdin: true } | { stdout: true; stderr: true },
): Promise<Duplex> {
  const silent = new AbortController()
  const timer = setTimeout(() => silent.abort(), answerDeadlineMs)
  try {
    const options = { stream: true, hijack: true, ...streams, abortSignal: silent.signal }
    const connection = (await container.attach(options)) as Duplex
    return connection.on('error', () => undefined) // its end tells
  } finally {
    clearTimeout(timer)
  }
}

function readOutput(
  output: NodeJS.ReadableStream,
  { onStdout, onStderr }: Pick<ContainerStart, 'onStdout' | 'onStderr'>,
): Promise<void> {
  output.on('data', makeFrameReader({ stdout: onStdout, stderr: onStderr }))
  return new Promise((resolve) => output.once('end', resolve).once('close', resolve))
}

/** The kernel's word comes to the engine by another way than the end. One that was removed meanwhile has none. */
async function wasOutOfMemory(container: Docker.Container): Promise<boolean> {
  try {
    const { State } = await container.inspect({ abortSignal: AbortSignal.timeout(answerDeadlineMs) })
    return State.OOMKilled
  } catch {
    return false
  }
}

/** As a shell counts: 128 and the number of the signal that ended the program. */
function signalOf(exitCode: number): NodeJS.Signals | null {
  const names = Object.entries(constants.signals) as [NodeJS.Signals, number][]
  return names.find(([, number]) => number === exitCode - 128)?.[0] ?? null
}
