import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LocalServer } from '../../ops/local/local-server.ts'
import { startPostgres } from '../../ops/local/postgres-server.ts'
import { readPrograms } from '../../ops/local/programs.ts'
import { startRedis } from '../../ops/local/redis-server.ts'
import { cleanUp } from './clean-up.ts'

type Settings = Readonly<Record<string, string>>

/** A server that belongs to one test, which may empty it, stop it, and start it again with the data and on the port that it had. */
export interface OwnServer {
  url: string
  /** The folder of its data. */
  data: string
  stop(): Promise<void>
  start(settings?: Settings): Promise<void>
}

const password = 'a-password_of-tests'

export const ownRedis = (): Promise<OwnServer> =>
  own((dir, port, settings) =>
    startRedis({ programs: readPrograms(), password, dir, settings, ...(port && { port }) }),
  )

export const ownPostgres = (): Promise<OwnServer> =>
  own((dir, port, settings) =>
    startPostgres({
      programs: readPrograms(),
      password,
      dir,
      settings: { fsync: 'off', ...settings },
      ...(port && { port }),
    }),
  )

async function own(
  open: (dir: string, port: number | undefined, settings: Settings) => Promise<LocalServer & { url: string }>,
): Promise<OwnServer> {
  const dir = mkdtempSync(join(tmpdir(), 'noodle-own-'))
  chmodSync(dir, 0o711) // open to the servers' user, so that root's tests leave nothing elsewhere
  cleanUp(() => rmSync(dir, { recursive: true, force: true }))
  let server = await open(dir, undefined, {})
  cleanUp(() => server.stop())
  const { url, port } = server
  return {
    url,
    data: join(dir, 'data'),
    stop: () => server.stop(),
    async start(settings = {}) {
      server = await open(dir, port, settings)
    },
  }
}
