import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ownerOf } from '../../ops/local/claim-folder.ts'
import { startPostgres } from '../../ops/local/postgres-server.ts'
import { readPrograms } from '../../ops/local/programs.ts'
import { startRedis } from '../../ops/local/redis-server.ts'
import { publishServers } from './servers.ts'
import { makeTemplate } from './template-database.ts'

const isRoot = process.getuid?.() === 0
/** The servers that root starts run as another user, who can't be sure to reach root's own temporary folder. */
const parentFolder = isRoot ? '/tmp' : tmpdir()
const prefix = 'noodle-test-'

/** A younger folder may belong to a run that has just begun, or to servers that have just lost it and are ending. */
const leftOverAfterMs = 60_000

const undo: (() => Promise<void>)[] = []

/**
 * Starts one Redis and one Postgres for the run, on free ports and in a temporary folder, and makes the template database. When the run ends they are
 * stopped and the folder is removed; when it is killed the servers notice (ops/local/guard.sh), and a later run removes the folder.
 */
export default async function globalSetup(): Promise<void> {
  removeLeftOvers()
  const folder = mkdtempSync(join(parentFolder, prefix))
  undo.push(() => rm(folder, { recursive: true, force: true }))
  if (isRoot) chmodSync(folder, 0o711)
  process.once('SIGINT', () => void stopServers().finally(() => process.exit(130)))
  process.once('SIGTERM', () => void stopServers().finally(() => process.exit(143)))
  try {
    const programs = readPrograms()
    const password = randomBytes(16).toString('hex')
    const redis = startRedis({ programs, password, dir: join(folder, 'redis') })
    const postgres = startPostgres({
      programs,
      password,
      dir: join(folder, 'postgres'),
      // Survives no power cut, and need not.
      settings: { fsync: 'off', full_page_writes: 'off' },
    })
    undo.push(...[redis, postgres].map((server) => async () => (await server).stop()))
    publishServers({ postgresUrl: (await postgres).adminUrl, redisUrl: (await redis).url })
    await makeTemplate((await postgres).adminUrl)
  } catch (error) {
    await stopServers()
    throw error
  }
}

/** Also called by global-teardown.ts. Twice is harmless. */
export async function stopServers(): Promise<void> {
  const actions = undo.splice(0).reverse()
  const removeFolder = actions.pop()
  await Promise.allSettled(actions.map((action) => action()))
  await removeFolder?.()
}

/** What runs of ours left behind that were killed. */
function removeLeftOvers(): void {
  for (const name of readdirSync(parentFolder).filter((entry) => entry.startsWith(prefix))) {
    const folder = join(parentFolder, name)
    const found = statSync(folder, { throwIfNoEntry: false })
    if (found?.uid !== process.getuid?.() || !found || Date.now() - found.mtimeMs < leftOverAfterMs) continue
    if (['redis', 'postgres'].some((server) => ownerOf(join(folder, server)))) continue
    rmSync(folder, { recursive: true, force: true })
  }
}
