import pg from 'pg'
import { Redis } from 'ioredis'
import { missingMigrations } from './migrate.ts'

/*
 * What `noodle doctor` and the store checks of ops ask of the stores. They open connections of their own, which try once: a doctor reports, and does
 * not wait.
 */

const connectTimeoutMs = 5000

export interface PostgresDiagnosis {
  /** Such as 150006 for 15.6 (server_version_num). */
  version: number
  /** Its clock minus ours, in ms; a round trip is known to half its length. */
  clockSkewMs: number
  /** Names of this version's migrations that are not applied. */
  missingMigrations: string[]
  connections: { used: number; most: number }
  /** When one of the two is off, an acknowledged job may be lost by a power cut. */
  isFsyncOn: boolean
  isCommitSynchronous: boolean
  /** True while it is in recovery: nothing can be written. */
  isStandby: boolean
  /** Null before the first migration. */
  epoch: number | null
}

/** @throws Error of the driver, when it can't be reached */
export async function diagnosePostgres(databaseUrl: string): Promise<PostgresDiagnosis> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: 'noodle doctor',
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: connectTimeoutMs,
  })
  client.on('error', () => undefined) // the query that it breaks tells it
  await client.connect()
  try {
    const sentAt = Date.now()
    const { rows: times } = await client.query<{ now: Date }>('SELECT clock_timestamp() AS now')
    const ourTime = (sentAt + Date.now()) / 2
    const { rows } = await client.query<{
      version: number
      used: number
      most: number
      is_fsync_on: boolean
      is_commit_synchronous: boolean
      is_standby: boolean
    }>(
      `SELECT current_setting('server_version_num')::int AS version,
              (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
              current_setting('max_connections')::int AS most,
              current_setting('fsync')::bool AS is_fsync_on,
              current_setting('synchronous_commit') <> 'off' AS is_commit_synchronous,
              pg_is_in_recovery() AS is_standby`,
    )
    const [row] = rows
    if (!row) throw new Error('Postgres gave no answer.')
    const missing = await missingMigrations(client)
    const platform = missing.includes('001-platform')
      ? undefined
      : await client.query<{ epoch: number }>('SELECT epoch FROM platform')
    return {
      version: row.version,
      clockSkewMs: (times[0]?.now.getTime() ?? ourTime) - ourTime,
      missingMigrations: missing,
      connections: { used: row.used, most: row.most },
      isFsyncOn: row.is_fsync_on,
      isCommitSynchronous: row.is_commit_synchronous,
      isStandby: row.is_standby,
      epoch: platform?.rows[0]?.epoch ?? null,
    }
  } finally {
    await client.end()
  }
}

export interface RedisDiagnosis {
  /** Such as 7.0.15. */
  version: string
  /** Such as noeviction; undefined where Redis does not tell. */
  evictionPolicy: string | undefined
  isAppending: boolean
  /** False for a replica, which takes no writes. */
  isMaster: boolean
  /** False when the last write of the append-only file or of the snapshot failed. */
  isPersisting: boolean
  /** Its clock minus ours, in ms. */
  clockSkewMs: number
}

/** @throws Error of the client, when it can't be reached */
export async function diagnoseRedis(redisUrl: string): Promise<RedisDiagnosis> {
  const redis = new Redis(redisUrl, {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: connectTimeoutMs,
    commandTimeout: connectTimeoutMs,
    connectionName: 'noodle-doctor',
  })
  let reason: Error | undefined
  redis.on('error', (error: Error) => (reason = error))
  try {
    await redis.connect()
    const sentAt = Date.now()
    const [seconds, micros] = (await redis.time()).map(Number)
    const ourTime = (sentAt + Date.now()) / 2
    const info = readInfo(await redis.info())
    return {
      version: info.get('redis_version') ?? '0',
      evictionPolicy: info.get('maxmemory_policy'),
      isAppending: info.get('aof_enabled') === '1',
      isMaster: info.get('role') === 'master',
      isPersisting:
        info.get('aof_last_write_status') !== 'err' && info.get('rdb_last_bgsave_status') !== 'err',
      clockSkewMs: (seconds ?? 0) * 1000 + (micros ?? 0) / 1000 - ourTime,
    }
  } catch (error) {
    throw reason ?? error
  } finally {
    // Of a connection that has ended already ioredis would wait 2 s for the end.
    if (redis.status !== 'end') redis.disconnect()
  }
}

/** `name:value` lines, as INFO gives them. */
const readInfo = (text: string): Map<string, string> =>
  new Map(
    text
      .split('\r\n')
      .map((line) => line.split(/:(.*)/s))
      .map(([name = '', value = '']) => [name, value]),
  )
