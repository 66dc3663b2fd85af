import { execFile } from 'node:child_process'
import { availableParallelism, totalmem } from 'node:os'
import { promisify } from 'node:util'
import type { GpuId } from '../queue/domain/node.ts'

/** What a node offers to jobs. */
export interface NodeResources {
  cpus: number
  memoryMb: number
  gpus: number
}

/** nvidia-smi starts the driver when nothing else has, which takes seconds. */
const gpuQueryDeadlineMs = 10_000

const mebibyte = 1024 * 1024

/** What is configured, else what the machine (or the container's limit) has. */
export async function measureResources(configured: {
  cpus?: number | undefined
  memoryMb?: number | undefined
  gpus?: number | undefined
  gpuIds?: readonly GpuId[] | undefined
}): Promise<NodeResources> {
  // 0 or a number above all memory means that there is no limit.
  const memoryLimit = process.constrainedMemory()
  const memoryBytes = memoryLimit > 0 ? Math.min(memoryLimit, totalmem()) : totalmem()
  return {
    cpus: configured.cpus ?? availableParallelism(),
    memoryMb: configured.memoryMb ?? Math.floor(memoryBytes / mebibyte),
    gpus: configured.gpus ?? configured.gpuIds?.length ?? (await listGpus()).length,
  }
}

/** The names by which the driver knows its GPUs, by index; a machine without nvidia-smi has none. */
export async function listGpus(): Promise<string[]> {
  try {
    const { stdout } = await promisify(execFile)(
      'nvidia-smi',
      ['--query-gpu=uuid', '--format=csv,noheader'],
      { timeout: gpuQueryDeadlineMs, killSignal: 'SIGKILL' },
    )
    return stdout
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean)
  } catch {
    return []
  }
}
