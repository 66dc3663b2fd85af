import { readFileSync } from 'node:fs'
import { toWorkload, type Workload } from '../../ops/autoscale/simulate/workload.ts'

/** What a request costs, in s: fixed, and by token of the prompt and of the answer. */
export const serviceModel = { fixed: 0.2, contextToken: 0.000_25, generatedToken: 0.05 }

/** Reads `TIMESTAMP,ContextTokens,GeneratedTokens` as Azure published it. */
export function readTrace(file: string): Workload {
  const rows = readFileSync(file, 'utf8').trim().split(/\r?\n/).slice(1)
  const jobs = rows.map((row) => {
    const [time = '', context, generated] = row.split(',')
    const [date, clock = ''] = time.split(' ')
    const [hours = 0, minutes = 0, seconds = 0] = clock.split(':').map(Number)
    return {
      at: Date.parse(`${date}T00:00:00Z`) / 1000 + hours * 3600 + minutes * 60 + seconds,
      serviceSeconds:
        serviceModel.fixed +
        serviceModel.contextToken * Number(context) +
        serviceModel.generatedToken * Number(generated),
    }
  })
  const first = Math.min(...jobs.map(({ at }) => at))
  return toWorkload(jobs.map((job) => ({ ...job, at: job.at - first })))
}
