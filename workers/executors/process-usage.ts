import type { Usage } from '../../queue/domain/job.ts'
import { listDescendants, readMemory, readStat } from './proc.ts'

type MeasuredUsage = Omit<Usage, 'wallMs'>

/**
 * Measures the child processes of this one without native code. CPU time is what the kernel counts for a child and the descendants that were
 * waited for, in ticks of 10 ms; when two children end in the same instant it can't be told apart, and the last look counts. Memory is looked at
 * after 20, 40, 80 … ms and then each second: `maxRssBytes` is the most that a process alone had at its peak, or all of them together at a look. A
 * child that is gone before the first look has no figure for memory. Outside Linux there are none at all.
 */
export interface UsageMeter {
  begin(pid: number, limit?: MemoryLimit): void
  /** To be called in the same turn of the event loop in which the child's end is reported. */
  end(pid: number): MeasuredUsage
}

/** Looked at more often; what a child and its descendants have in RAM together. */
export interface MemoryLimit {
  memoryBytes: number
  onExceeded: () => void
}

/** While there is a limit. */
const limitLookMs = 50
const firstLookMs = 20
const lastLookMs = 1000

interface Watched {
  cpuMs: number
  maxRssBytes: number
  isAmbiguous: boolean
  timer: NodeJS.Timeout | undefined
  limit: MemoryLimit | undefined
}

export function makeUsageMeter(): UsageMeter {
  const watched = new Map<number, Watched>()
  let waitedCpuMs = 0

  function look(pid: number, afterMs: number): void {
    const entry = watched.get(pid)
    if (!entry) return
    const tree = listDescendants(pid)
    entry.cpuMs = Math.max(entry.cpuMs, sum(tree.map((member) => readStat(member)?.cpuMs ?? 0)))
    const memories = tree.map(readMemory).filter((memory) => memory !== null)
    entry.maxRssBytes = Math.max(
      entry.maxRssBytes,
      sum(memories.map((memory) => memory.rssBytes)),
      ...memories.map((memory) => memory.peakBytes),
    )
    const { limit } = entry
    if (limit && sum(memories.map((memory) => memory.rssBytes)) > limit.memoryBytes) limit.onExceeded()
    const nextMs = Math.min(limit ? limitLookMs : lastLookMs, afterMs * 2)
    entry.timer = setTimeout(look, nextMs, pid, nextMs).unref()
  }

  return {
    begin(pid, limit) {
      if (watched.size === 0) waitedCpuMs = readStat('self')?.waitedChildrenCpuMs ?? 0
      const timer = setTimeout(look, firstLookMs, pid, firstLookMs).unref()
      watched.set(pid, { cpuMs: 0, maxRssBytes: 0, isAmbiguous: false, timer, limit })
    },
    end(pid) {
      const entry = watched.get(pid)
      if (!entry) return {}
      clearTimeout(entry.timer)
      watched.delete(pid)
      const self = readStat('self')
      if (!self) return {}
      const addedMs = self.waitedChildrenCpuMs - waitedCpuMs
      waitedCpuMs = self.waitedChildrenCpuMs
      // libuv waits for all that have ended and then reports them one after the other: who is gone but not yet reported has its share in the sum.
      for (const [other, sibling] of watched) {
        if (readStat(other)) continue
        sibling.isAmbiguous = true
        entry.isAmbiguous = true
      }
      const cpuMs = entry.isAmbiguous ? entry.cpuMs : Math.max(entry.cpuMs, addedMs)
      return { cpuMs, ...(entry.maxRssBytes > 0 && { maxRssBytes: entry.maxRssBytes }) }
    },
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
