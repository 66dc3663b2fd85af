import type { QueueDeps } from './queue-deps.ts'

/**
 * T7: gives up nodes whose lease ran out, takes back their jobs, and has them dispatched at once. `sinceLastMs` is how long ago this process last
 * managed to, by its own clock: after a gap nodes get the chance to renew first (R6).
 */
export async function reapNodes(
  deps: Pick<QueueDeps, 'jobs' | 'signals' | 'settings' | 'metrics' | 'log'>,
  sinceLastMs = 0,
): Promise<void> {
  const { leaseMs, leaseGraceMs, crashLimit } = deps.settings
  const report = await deps.jobs.reapDeadNodes({ leaseMs, graceMs: leaseGraceMs, crashLimit, sinceLastMs })
  for (const nodeId of report.nodes) deps.log.warn('node given up, its lease ran out', { nodeId })
  if (report.jobs.length === 0) return
  deps.metrics.jobsReaped.inc(report.jobs.length)
  deps.log.warn('jobs taken back from dead nodes', { jobs: report.jobs.length })
  deps.signals.tellChanged(report.jobs.map((job) => job.id))
  deps.signals.tellSubmitted()
}
