import { execFile } from 'node:child_process'
import { performance } from 'node:perf_hooks'
import { promisify } from 'node:util'
import { every } from '../core/every.ts'
import type { Component } from '../core/lifecycle.ts'
import type { Logger } from '../core/logger.ts'
import type { NodeUse } from '../queue/domain/node.ts'
import { listDescendants, readMemory, readStat } from './executors/proc.ts'

export interface NodeUseMeter extends Component {
  /** As last measured. */
  latest(): NodeUse
}

/** As often as the autoscaler looks. */
const everyMs = 5000
const gpuQueryDeadlineMs = 4000

const mebibyte = 1024 * 1024

/**
 * Measures how far this node is used by the programs of its jobs and by itself, of what it offers; what else goes on on its machine is none of it, so that
 * several nodes can share one. GPUs are asked for only where there are some; virtual ones tell nothing. Where there is no /proc nothing is told.
 */
export function makeNodeUseMeter(options: {
  cpus: number
  memoryMb: number
  gpus: number
  log: Logger
}): NodeUseMeter {
  let latest: NodeUse = { cpu: null, memory: null, gpu: null }
  let before: { cpuMs: number; atMs: number } | undefined
  let hasGpuTool = options.gpus > 0

  async function readGpuUse(): Promise<number | null> {
    if (!hasGpuTool) return null
    try {
      const { stdout } = await promisify(execFile)(
        'nvidia-smi',
        ['--query-gpu=utilization.gpu', '--format=csv,noheader,nounits'],
        { timeout: gpuQueryDeadlineMs, killSignal: 'SIGKILL' },
      )
      return gpuUseOf(stdout)
    } catch (error) {
      hasGpuTool = !(error instanceof Object && 'code' in error && error.code === 'ENOENT')
      return null
    }
  }

  const loop = every(
    everyMs,
    async () => {
      if (!readStat('self')) return
      const pids = listDescendants(process.pid)
      const now = { cpuMs: readCpuMs(pids), atMs: performance.now() }
      latest = {
        cpu: before ? share(now.cpuMs - before.cpuMs, (now.atMs - before.atMs) * options.cpus) : null,
        memory: share(readMemoryBytes(pids), options.memoryMb * mebibyte),
        gpu: await readGpuUse(),
      }
      before = now
    },
    { name: 'node use', log: options.log },
  )
  return { name: loop.name, start: () => loop.start(), stop: () => loop.stop(), latest: () => latest }
}

/** What `nvidia-smi --query-gpu=utilization.gpu` prints, a line a GPU, as the mean of those that tell. */
export function gpuUseOf(text: string): number | null {
  const told = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^\d+$/.test(line))
    .map(Number)
  return told.length === 0
    ? null
    : share(
        told.reduce((sum, percent) => sum + percent, 0),
        told.length * 100,
      )
}

/** CPU time of this process and all below it, with those of theirs that have ended. */
function readCpuMs(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (readStat(pid)?.cpuMs ?? 0), 0)
}

const readMemoryBytes = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => sum + (readMemory(pid)?.rssBytes ?? 0), 0)

const share = (part: number, whole: number): number | null =>
  whole > 0 ? Math.min(1, Math.max(0, part / whole)) : null
