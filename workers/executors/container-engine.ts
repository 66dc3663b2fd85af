import type Docker from 'dockerode'
import { saidBy, statusOf } from '../../core/container-engine.ts'
import { PermanentFailure, TaskFailure } from '../task.ts'
import type { ImageFacts } from './container-spec.ts'

/** How long an engine may take to make, start or look at something. */
export const answerDeadlineMs = 60_000

/** Null when the engine has no such image. */
export async function findImage(
  engine: Docker,
  reference: string,
  signal: AbortSignal,
): Promise<ImageFacts | null> {
  try {
    const { Id, Config } = await Promise.race([engine.getImage(reference).inspect(), aborted(signal)])
    // Absent where there are none, whatever the types say.
    const volumes = Config.Volumes as Record<string, unknown> | null | undefined
    return { id: Id, volumes: Object.keys(volumes ?? {}) }
  } catch (error) {
    if (statusOf(error) === 404) return null
    throw error
  }
}

/** Rejects when the signal is aborted; for requests that do not take one. */
export function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const onAbort = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}

/** Resolves when the image is there. @throws what the engine or the registry says */
export async function pullImage(engine: Docker, reference: string, signal: AbortSignal): Promise<void> {
  const progress = await engine.pull(reference, { abortSignal: signal })
  await new Promise<void>((resolve, reject) => {
    engine.modem.followProgress(progress, (error: Error | null, steps: { error?: string }[]) => {
      const said = steps.find((step) => step.error !== undefined)?.error
      if (error) reject(error)
      else if (said === undefined) resolve()
      else reject(new Error(said))
    })
  })
}

/** What a request that failed means to a run. */
export function engineFailure(address: string, image: string, error: unknown): TaskFailure {
  if (error instanceof TaskFailure) return error
  const status = statusOf(error)
  const said = saidBy(error)
  if (status === undefined)
    return new TaskFailure(
      'ENGINE_UNAVAILABLE',
      `The container engine at ${address} does not answer: ${said}`,
      error,
    )
  if (/could not select device driver|nvidia-container/i.test(said))
    return new TaskFailure(
      'SPAWN_FAILED',
      `The container engine gives no GPUs, which the job asked for: ${said} Install NVIDIA's container toolkit beside the engine, or set NODE_GPUS to 0.`,
      error,
    )
  const message = `A container from ${image} could not be started: ${said}`
  // What the payload is wrong about stays wrong; what an engine has no room for, or has not any more, may pass.
  return status === 400 || /executable file not found|no such file or directory|permission denied/i.test(said)
    ? new PermanentFailure('SPAWN_FAILED', message, error)
    : new TaskFailure('SPAWN_FAILED', message, error)
}
