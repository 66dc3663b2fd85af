import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import pg from 'pg'
import { startPostgres } from '../ops/local/postgres-server.ts'
import { readPrograms } from '../ops/local/programs.ts'
import { startRedis } from '../ops/local/redis-server.ts'

/** One Redis and one Postgres for all contenders, set as for production: commits on disk before they are acknowledged, AOF every second. */
export interface Stores {
  redisUrl: string
  redis: Redis
  /** A database of this name, empty and new. @returns its URL */
  makeDatabase(name: string): Promise<string>
  redisBytes(): Promise<number>
  databaseBytes(name: string): Promise<number>
  pids: { redis: number; postgres: number }
  /** Of both servers, as a sentence tells them. */
  versions: string
  stop(): Promise<void>
}

export async function startStores(): Promise<Stores> {
  const folder = mkdtempSync('/tmp/noodle-bench-')
  chmodSync(folder, 0o711) // for the user that the servers have when root starts them
  const options = { programs: readPrograms(), password: randomBytes(12).toString('hex') }
  const [redisServer, postgres] = await Promise.all([
    startRedis({ ...options, dir: join(folder, 'redis') }),
    startPostgres({ ...options, dir: join(folder, 'postgres'), settings: { max_wal_size: '4GB' } }),
  ])
  const redis = new Redis(redisServer.url)
  const admin = new pg.Pool({ connectionString: postgres.adminUrl, max: 1 })
  admin.on('error', () => undefined) // at the end the server goes first
  return {
    redisUrl: redisServer.url,
    redis,
    async makeDatabase(name) {
      await admin.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`)
      await admin.query(`CREATE DATABASE "${name}"`)
      await admin.query('CHECKPOINT') // so that none of the one before falls into the next measurement
      const url = new URL(postgres.adminUrl)
      url.pathname = `/${name}`
      return url.href
    },
    async redisBytes() {
      const info = await redis.info('memory')
      return Number(/used_memory:(\d+)/.exec(info)?.[1])
    },
    async databaseBytes(name) {
      const { rows } = await admin.query<{ bytes: string }>('SELECT pg_database_size($1) AS bytes', [name])
      return Number(rows[0]?.bytes)
    },
    pids: {
      redis: Number(/process_id:(\d+)/.exec(await redis.info('server'))?.[1]),
      postgres: await postmasterPid(admin),
    },
    versions: await readVersions(redis, admin),
    async stop() {
      redis.disconnect()
      await admin.end()
      await Promise.all([redisServer.stop(), postgres.stop()])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function postmasterPid(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  return Number(/PPid:\t(\d+)/.exec(readFileSync(`/proc/${String(rows[0]?.pid)}/status`, 'utf8'))?.[1])
}

async function readVersions(redis: Redis, pool: pg.Pool): Promise<string> {
  const redisVersion = /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? 'unknown'
  const { rows } = await pool.query<{ server_version: string }>('SHOW server_version')
  return `Redis ${redisVersion}, PostgreSQL ${rows[0]?.server_version ?? 'unknown'}`
}
