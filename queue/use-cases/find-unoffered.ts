import type { QueuedTask } from '../store/jobs/count-queued-tasks.ts'
import type { QueueDeps } from './queue-deps.ts'

/**
 * Queued jobs whose task no ready node of their tier offers, by tier and task: they wait until one does. Also those whose rows are of a later version than any such node. Those behind a
 * full dispatch window are not looked at.
 */
export async function findUnoffered(
  deps: Pick<QueueDeps, 'jobs' | 'nodes'>,
): Promise<Omit<QueuedTask, 'format'>[]> {
  const [queued, nodes] = await Promise.all([deps.jobs.countQueuedTasks(), deps.nodes.listLive()])
  const ready = nodes.filter(({ state }) => state === 'ready')
  const unoffered = queued.filter(
    ({ tier, task, format }) =>
      !ready.some(
        (node) =>
          node.tiers.includes(tier) &&
          node.readsFormat >= format &&
          node.tasks.some(({ name }) => name === task),
      ),
  )
  const sums = new Map<string, Omit<QueuedTask, 'format'>>()
  for (const { tier, task, jobs } of unoffered) {
    const key = `${tier} ${task}`
    sums.set(key, { tier, task, jobs: jobs + (sums.get(key)?.jobs ?? 0) })
  }
  return [...sums.values()]
}
