import type { QueuedTask } from '../store/jobs/count-queued-tasks.ts'
import type { QueueDeps } from './queue-deps.ts'

/** Queued jobs whose task no ready node of their tier offers, by tier and task: they wait until one does. Those behind a full dispatch window are not looked at. */
export async function findUnoffered(deps: Pick<QueueDeps, 'jobs' | 'nodes'>): Promise<QueuedTask[]> {
  const [queued, nodes] = await Promise.all([deps.jobs.countQueuedTasks(), deps.nodes.listLive()])
  const ready = nodes.filter(({ state }) => state === 'ready')
  return queued.filter(
    ({ tier, task }) =>
      !ready.some((node) => node.tiers.includes(tier) && node.tasks.some(({ name }) => name === task)),
  )
}
