import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { ownerOf } from './claim-folder.ts'
import { writePrivately } from './private-file.ts'

const shape = z.object({
  pid: z.number(),
  databaseUrl: z.string(),
  redisUrl: z.string(),
  url: z.string(),
})

/** What `up` tells other commands of the platform that it runs. */
export type RunningState = z.output<typeof shape>

const fileIn = (home: string): string => join(home, 'state.json')

/** @returns removes it again, when the platform has stopped */
export function writeRunningState(home: string, state: RunningState): () => void {
  writePrivately(fileIn(home), state)
  return () => {
    rmSync(fileIn(home), { force: true })
  }
}

/** Undefined when no platform of this home runs now. */
export function readRunningState(home: string): RunningState | undefined {
  try {
    const state = shape.parse(JSON.parse(readFileSync(fileIn(home), 'utf8')))
    return state.pid === ownerOf(home)?.pid ? state : undefined
  } catch {
    return undefined // not there, or of an earlier version
  }
}
