import { findUnoffered } from '../../../queue/use-cases/find-unoffered.ts'
import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'
import { type Finding, ok, warning } from './finding.ts'

const shown = 5

/** Whether some node offers what queued jobs wait for. */
export async function checkTasks(deps: Pick<QueueDeps, 'jobs' | 'nodes'>): Promise<Finding> {
  const unoffered = await findUnoffered(deps)
  if (unoffered.length === 0) return ok('tasks', 'Nodes offer the tasks of all queued jobs.')
  const waiting = unoffered
    .slice(0, shown)
    .map(({ tier, task, jobs }) => `${String(jobs)} for ${task} (tier ${tier})`)
  const more = unoffered.length > shown ? `, and for ${String(unoffered.length - shown)} more tasks` : ''
  return warning(
    'tasks',
    `Jobs wait for tasks that no node of their tier offers: ${waiting.join(', ')}${more}.`,
    'Start a worker of the tier with the task in its TASKS_DIR or TASK_COMMAND_ALLOW, and see its log for files that it left out; or cancel the jobs.',
  )
}
