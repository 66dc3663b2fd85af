import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The program that jobs with an effect run. */
export const appendEffectProgram = join(import.meta.dirname, 'append-effect.sh')

/** A line of the log. Lines stand in the order in which they happened: each is one append. */
export interface Effect {
  jobId: string
  fence: number
  attempt: number
  phase: 'begin' | 'end'
}

export function readEffects(file: string): Effect[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [jobId = '', fence, attempt, phase] = line.split(' ')
      return {
        jobId,
        fence: Number(fence),
        attempt: Number(attempt),
        phase: phase === 'end' ? 'end' : 'begin',
      }
    })
}
