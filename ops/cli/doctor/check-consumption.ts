import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'
import { listTiers, type TierStatus } from '../../../queue/use-cases/tier-status.ts'
import { showDuration } from '../../../core/durations.ts'
import { failure, type Finding, ok, warning } from './finding.ts'

/** A due job waits this long only when nodes are few or do not take jobs. */
const longWaitMs = 60_000

/** Whether the jobs of each tier find nodes that take them. */
export async function checkConsumption(
  deps: Pick<QueueDeps, 'jobs' | 'nodes' | 'tiers' | 'scaling'>,
): Promise<Finding[]> {
  return (await listTiers(deps, { nodes: await deps.nodes.listLive() })).map(judgeTier)
}

export function judgeTier(status: TierStatus): Finding {
  const { tier, queued, running, oldestWaitMs, pending, isScaledToZero } = status
  const check = `tier ${tier}`
  const { ready } = status.replicas
  const waiting = `${String(queued)} queued, the oldest due job waits ${showDuration(oldestWaitMs)}`
  if (ready === 0) {
    if (isScaledToZero && pending + queued === 0)
      return ok(check, 'It is scaled to zero: nodes come with its next job.')
    const remedy = `Start a worker with TIER=${tier}.`
    return pending + queued > 0
      ? failure(check, `No node takes its jobs (${String(pending + queued)} wait).`, remedy)
      : warning(check, 'No node takes its jobs.', remedy)
  }
  if (oldestWaitMs > longWaitMs && running === 0)
    return failure(
      check,
      `Nodes are up, but nothing runs: ${waiting}.`,
      'See that ops runs (it dispatches), and look into the logs of the workers.',
    )
  if (oldestWaitMs > longWaitMs)
    return warning(
      check,
      `Jobs wait long: ${waiting}.`,
      `Start more workers with TIER=${tier}, or raise CONCURRENCY.`,
    )
  return ok(
    check,
    `${String(ready)} ${ready === 1 ? 'node takes' : 'nodes take'} its jobs; ${String(running)} run, ${String(queued)} are queued.`,
  )
}
