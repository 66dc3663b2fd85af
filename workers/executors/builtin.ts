import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { builtinTasks, sleepPayload } from '../../queue/domain/builtin-tasks.ts'
import { toOffer } from '../../queue/use-cases/catalogue.ts'
import { PermanentFailure, type Task } from '../task.ts'

const [echoDefinition, sleepDefinition] = builtinTasks

export const echo: Task = {
  offer: toOffer(echoDefinition),
  run: ({ job }) => Promise.resolve(job.payload),
}

export const sleep: Task = {
  offer: toOffer(sleepDefinition),
  async run({ job, signal }) {
    const payload = sleepPayload.safeParse(job.payload)
    if (!payload.success)
      throw new PermanentFailure('PAYLOAD_MISFIT', 'The payload does not fit the task sleep.', payload.error)
    const startedMs = performance.now()
    await delay(payload.data.ms, undefined, { signal })
    // A timer may fire a fraction of a ms early.
    return { sleptMs: Math.max(payload.data.ms, Math.round(performance.now() - startedMs)) }
  },
}
