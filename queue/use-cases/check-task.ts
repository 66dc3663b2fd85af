import { didYouMean } from '../../core/did-you-mean.ts'
import { builtinTasks } from '../domain/builtin-tasks.ts'
import { QueueError } from '../domain/errors.ts'
import type { Json } from '../domain/job.ts'
import type { Fleet } from './fleet.ts'

/**
 * Checks at submission that a task exists and that its payload fits, so that a wrong one never becomes a job. Answers with a warning for each thing
 * that keeps the job from running now: no live node of its tier, or none there that offers the task.
 * @throws TASK_UNKNOWN, PAYLOAD_MISFIT
 */
export function checkTask(fleet: Fleet, job: { task: string; payload: Json; tier: string }): string[] {
  const builtin = builtinTasks.find((task) => task.name === job.task)
  const isOffered = fleet.nodes.some((node) => node.tasks.some((task) => task.name === job.task))
  if (!builtin && !isOffered) {
    const known = new Set([
      ...builtinTasks.map((task) => task.name),
      ...fleet.nodes.flatMap((node) => node.tasks.map((task) => task.name)),
    ])
    throw new QueueError(
      'TASK_UNKNOWN',
      `No node offers a task ${job.task}${didYouMean(job.task, [...known])}.`,
      {
        fields: [{ path: 'task', message: `is none of ${[...known].sort().join(', ')}` }],
      },
    )
  }
  const parsed = builtin?.payload.safeParse(job.payload)
  if (parsed?.error) {
    const fields = parsed.error.issues.flatMap((issue) => {
      const path = ['payload', ...issue.path.map(String)]
      if (issue.code === 'unrecognized_keys')
        return issue.keys.map((key) => ({
          path: [...path, key].join('.'),
          message: `is not a field of the task ${job.task}`,
        }))
      return [{ path: path.join('.'), message: issue.message }]
    })
    throw new QueueError(
      'PAYLOAD_MISFIT',
      `The payload does not fit the task ${job.task}: ${fields.map(({ path, message }) => `${path} ${message}`).join('; ')}.`,
      { fields },
    )
  }
  const ofTier = fleet.nodes.filter((node) => node.tiers.includes(job.tier))
  if (ofTier.length === 0) return [`No node of the tier ${job.tier} is up; the job waits until one is.`]
  if (!ofTier.some((node) => node.tasks.some((task) => task.name === job.task)))
    return [`No node of the tier ${job.tier} offers the task ${job.task} now; the job waits until one does.`]
  return []
}
