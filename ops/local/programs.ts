import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The programs of the embedded default, as scripts/setup found them: absolute paths, Postgres' all of one version. */
export interface Programs {
  redisServer: string
  postgres: string
  initdb: string
  pgDump: string
  pgRestore: string
  /** Folders of libraries that the programs need, separated by colons; empty when they are installed. */
  libraryPath: string
}

const names = ['redisServer', 'postgres', 'initdb', 'pgDump', 'pgRestore', 'libraryPath'] as const

/** @throws Error that tells to run scripts/setup, when it has not run in this checkout. */
export function readPrograms(file = join(import.meta.dirname, '../../.noodle/programs.json')): Programs {
  let content: Record<string, unknown>
  try {
    content = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  } catch (cause) {
    throw new Error(
      `Where Redis and Postgres are is not known: ${file} can't be read. Run scripts/setup, which finds or fetches them.`,
      { cause },
    )
  }
  const missing = names.filter((name) => typeof content[name] !== 'string')
  if (missing.length > 0)
    throw new Error(`${file} does not tell ${missing.join(', ')}. Remove it and run scripts/setup.`)
  return content as unknown as Programs
}

/** What the programs are started with: nothing of our own environment, which holds secrets. */
export function programEnvironment({ libraryPath }: Pick<Programs, 'libraryPath'>): NodeJS.ProcessEnv {
  const environment = { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C' }
  return libraryPath ? { ...environment, LD_LIBRARY_PATH: libraryPath } : environment
}
