import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { builtinTasks, sleepPayload } from '../../queue/domain/builtin-tasks.ts'
import { toOffer } from '../../queue/use-cases/catalogue.ts'
import type { Task } from '../task.ts'
import { readPayload } from './read-payload.ts'

const [echoDefinition, sleepDefinition] = builtinTasks

export const echo: Task = {
  offer: toOffer(echoDefinition),
  run: ({ job }) => Promise.resolve(job.payload),
}

export const sleep: Task = {
  offer: toOffer(sleepDefinition),
  async run({ job, signal }) {
    const { ms } = readPayload('sleep', sleepPayload, job.payload)
    const startedMs = performance.now()
    await delay(ms, undefined, { signal })
    // A timer may fire a fraction of a ms early.
    return { sleptMs: Math.max(ms, Math.round(performance.now() - startedMs)) }
  },
}
