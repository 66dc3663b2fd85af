import type { ContainerStats } from 'dockerode'
import { setTimeout as delay } from 'node:timers/promises'
import type { Usage } from '../../queue/domain/job.ts'

type MemoryFigures = ContainerStats['memory_stats']['stats']

const firstLookMs = 50
const lastLookMs = 1000

/**
 * Asks the engine what a container uses, after 50, 100, 200 … ms and then each second, until the signal is aborted: an engine forgets the figures with the last
 * process. So CPU time is that of the last look, memory (without what only caches files) the most of all looks, and a container that is gone before the
 * first look has none.
 */
export function watchUsage(
  look: () => Promise<ContainerStats>,
  signal: AbortSignal,
): () => Omit<Usage, 'wallMs'> {
  let cpuMs = 0
  let maxRssBytes = 0

  async function watch(): Promise<void> {
    for (let waitMs = firstLookMs; ; waitMs = Math.min(lastLookMs, waitMs * 2)) {
      await delay(waitMs, undefined, { signal, ref: false })
      const { cpu_stats, memory_stats } = await look()
      cpuMs = Math.max(cpuMs, Math.round((cpu_stats.cpu_usage.total_usage || 0) / 1e6))
      // By the names of control groups of version 1, then 2. A container that has just ended has none of them, whatever the types say.
      const kept = memory_stats.stats as Partial<MemoryFigures> | undefined
      const cached = kept?.total_inactive_file ?? kept?.inactive_file ?? 0
      maxRssBytes = Math.max(maxRssBytes, (memory_stats.usage || 0) - cached)
    }
  }

  watch().catch(() => undefined) // the run tells what is wrong with an engine
  return () => ({ ...(cpuMs > 0 && { cpuMs }), ...(maxRssBytes > 0 && { maxRssBytes }) })
}
