import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import type { LocalServerOptions } from '../../ops/local/local-server.ts'
import { type LocalPostgres, startPostgres } from '../../ops/local/postgres-server.ts'
import { programEnvironment, readPrograms } from '../../ops/local/programs.ts'
import { makeFor, writeFor } from '../../ops/local/server-folder.ts'
import { findServiceUser } from '../../ops/local/service-user.ts'
import { waitFor } from '../support/wait-for.ts'
import { type Proxy, startProxy } from './proxy.ts'
import type { Store } from './stores.ts'

const run = promisify(execFile)
const copyDeadlineMs = 120_000
const streamDeadlineMs = 30_000

/** A Postgres that follows another by streaming replication. */
export interface Standby {
  /** The way of its replication: what is held here, it does not know. */
  link: Proxy
  /** Begins to make it a primary; until it is one, it answers who only reads. The former one must be dead. */
  promote(): Promise<{ server: LocalPostgres; options: LocalServerOptions }>
}

const standbyName = 'standby'

const baseBackup = (): string => join(dirname(readPrograms().postgres), 'pg_basebackup')

/** Why there can be no standby here. */
export const whyNoStandby = (): string | undefined =>
  existsSync(baseBackup()) ? undefined : 'pg_basebackup is not installed beside Postgres'

/** Copies the primary under load, and resolves when the copy has caught up and streams. `isSynchronous`: from then on a commit waits for it. */
export async function startStandby(
  primary: Store,
  sql: pg.Pool,
  { isSynchronous }: { isSynchronous: boolean },
): Promise<Standby> {
  const dir = join(dirname(primary.options.dir), `postgres-${String(Date.now())}`)
  const data = join(dir, 'data')
  const user = findServiceUser()
  makeFor(dir, user)
  makeFor(data, user)
  const { programs } = primary.options
  await run(
    baseBackup(),
    ['-d', primary.url, '-D', data, '--wal-method=stream', '--checkpoint=fast', '--no-sync'],
    {
      env: programEnvironment(programs),
      cwd: dir,
      timeout: copyDeadlineMs,
      ...(user && { uid: user.uid, gid: user.gid }),
    },
  )
  // As a primary's: whether commits wait for a standby is not copied.
  for (const file of ['postgresql.auto.conf', 'standby.signal']) writeFor(join(data, file), '', user)
  const primaryPort = primary.port
  const link = await startProxy(() => primaryPort, Math.random)
  const url = new URL(primary.url)
  const options: LocalServerOptions = {
    ...primary.options,
    dir,
    settings: {
      ...primary.options.settings,
      primary_conninfo: `host=127.0.0.1 port=${String(link.port)} user=${url.username} password=${url.password} application_name=${standbyName}`,
    },
  }
  const serving = startPostgres(options)
  serving.catch(() => {}) // told by promote()
  if (isSynchronous) {
    await sql.query(`ALTER SYSTEM SET synchronous_standby_names = '${standbyName}'`)
    await sql.query('SELECT pg_reload_conf()')
  }
  const wanted = isSynchronous ? 'sync' : 'async'
  await waitFor(
    async () =>
      (
        await sql.query("SELECT FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = $1", [
          wanted,
        ])
      ).rows.length > 0,
    { timeoutMs: streamDeadlineMs, what: 'the standby to stream' },
  )
  return {
    link,
    async promote() {
      await link.close()
      await run(join(dirname(programs.postgres), 'pg_ctl'), ['promote', '--no-wait', '-D', data], {
        env: programEnvironment(programs),
        ...(user && { uid: user.uid, gid: user.gid }),
      })
      const server = await serving
      return { server, options: { ...options, settings: { ...primary.options.settings } } }
    },
  }
}

/** What a Postgres knows of the campaign's jobs: the number of each one's last event. */
export async function readProgress(url: string): Promise<Map<string, number>> {
  const client = new pg.Client({ connectionString: url, application_name: 'campaign' })
  await client.connect()
  try {
    const { rows } = await client.query<{ id: string; seq: number }>(
      "SELECT id, event_seq AS seq FROM jobs WHERE labels ? 'cycle'",
    )
    return new Map(rows.map(({ id, seq }) => [id, seq]))
  } finally {
    await client.end()
  }
}
