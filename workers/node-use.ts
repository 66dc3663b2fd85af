import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { performance } from 'node:perf_hooks'
import { promisify } from 'node:util'
import { every } from '../core/every.ts'
import type { Component } from '../core/lifecycle.ts'
import type { Logger } from '../core/logger.ts'
import type { NodeUse } from '../queue/domain/node.ts'

export interface NodeUseMeter extends Component {
  /** As last measured. */
  latest(): NodeUse
}

/** As often as the autoscaler looks. */
const everyMs = 5000
const gpuQueryDeadlineMs = 4000

/** Root of the control group, of version 2, where this process is a container of its own. */
const cgroup = '/sys/fs/cgroup'

/**
 * Measures how far the machine of this node is used: its container's share, where control groups of version 2 tell it, else the whole machine. `cpus` is
 * what counts as all of it. GPUs are asked for only where there are some; virtual ones tell nothing.
 */
export function makeNodeUseMeter(options: { cpus: number; gpus: number; log: Logger }): NodeUseMeter {
  let latest: NodeUse = { cpu: null, memory: null, gpu: null }
  let before = readCpuMs(options.cpus)
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
      const now = readCpuMs(options.cpus)
      const cpu = now && before ? share(now.busyMs - before.busyMs, now.allMs - before.allMs) : null
      before = now
      latest = { cpu, memory: readMemoryUse(), gpu: await readGpuUse() }
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

/** CPU time since some beginning, used and there in all. */
function readCpuMs(count: number): { busyMs: number; allMs: number } | null {
  const own = /^usage_usec (\d+)/m.exec(read(`${cgroup}/cpu.stat`))?.[1]
  // The root of the machine's own hierarchy has no cpu.max.
  if (own !== undefined && read(`${cgroup}/cpu.max`) !== '')
    return { busyMs: Number(own) / 1000, allMs: performance.now() * count }
  const times = cpus().map((cpu) => cpu.times)
  if (times.length === 0) return null
  const sum = (of: (time: (typeof times)[number]) => number): number =>
    times.reduce((total, time) => total + of(time), 0)
  const idleMs = sum((time) => time.idle)
  const allMs = sum((time) => time.user + time.nice + time.sys + time.irq + time.idle)
  return { busyMs: allMs - idleMs, allMs }
}

/** Without what only caches files and can be had back at once. */
function readMemoryUse(): number | null {
  const limit = Number(read(`${cgroup}/memory.max`))
  const used = Number(read(`${cgroup}/memory.current`))
  if (limit > 0 && used > 0) {
    const cached = Number(/^inactive_file (\d+)/m.exec(read(`${cgroup}/memory.stat`))?.[1] ?? 0)
    return share(used - cached, limit)
  }
  const told = read('/proc/meminfo')
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(told)?.[1] ?? 0)
  const total = field('MemTotal')
  return total > 0 ? share(total - field('MemAvailable'), total) : null
}

const share = (part: number, whole: number): number | null =>
  whole > 0 ? Math.min(1, Math.max(0, part / whole)) : null

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
