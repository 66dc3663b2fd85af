import type { QueueDeps } from './queue-deps.ts'

/** T7: gives up nodes whose lease ran out, takes back their jobs, and has them dispatched at once. */
export async function reapNodes(
  deps: Pick<QueueDeps, 'jobs' | 'signals' | 'settings' | 'metrics' | 'log'>,
): Promise<void> {
  const { leaseMs, leaseGraceMs, crashLimit } = deps.settings
  const report = await deps.jobs.reapDeadNodes({ leaseMs, graceMs: leaseGraceMs, crashLimit })
  for (const nodeId of report.nodes) deps.log.warn('node given up, its lease ran out', { nodeId })
  if (report.jobs.length === 0) return
  deps.metrics.jobsReaped.inc(report.jobs.length)
  deps.log.warn('jobs taken back from dead nodes', { jobs: report.jobs.length })
  deps.signals.tellChanged(report.jobs.map((job) => job.id))
  deps.signals.tellSubmitted()
}
