import type { CheckPayload } from '../../queue/use-cases/check-payload.ts'
import { PermanentFailure, type Task } from '../task.ts'

/** Holds the results of a task against the schema that it has published, where its own process does not: one that does not fit fails the job, each wrong field named. */
export function withCheckedResult(task: Task, check: CheckPayload): Task {
  return {
    offer: task.offer,
    async run(context) {
      const result = await task.run(context)
      const verdict = check(task.offer.resultSchema, result)
      if (verdict === null || verdict === 'unknown') return result
      throw new PermanentFailure(
        'RESULT_INVALID',
        `The result does not fit: ${verdict.map(({ path, message }) => `${path} ${message}`).join('; ')}.`,
      )
    },
  }
}
