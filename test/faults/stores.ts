import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import pg from 'pg'
import { startPostgres } from '../../ops/local/postgres-server.ts'
import { readPrograms } from '../../ops/local/programs.ts'
import { startRedis } from '../../ops/local/redis-server.ts'
import type { LocalServer, LocalServerOptions } from '../../ops/local/local-server.ts'

/** A store of the campaign's own: a real server that can be killed and brought back, on the same port with the same data. */
export interface Store {
  port: number
  /** The way past all proxies, for the campaign itself. */
  url: string
  /** Its data folder. */
  data: string
  pid(): number
  /** Sends the signal to the server itself and resolves when it has ended. */
  end(signal: NodeJS.Signals): Promise<void>
  /** Starts it again and resolves when it serves. */
  start(): Promise<void>
  close(): Promise<void>
}

export interface Stores {
  postgres: Store
  redis: Store
  /** The campaign's own sessions. */
  sql: pg.Pool
  redisAdmin: Redis
  close(): Promise<void>
}

/** Both with fsync, as in production. */
export async function startStores(folder: string): Promise<Stores> {
  const programs = readPrograms()
  const password = randomBytes(12).toString('hex')
  const [postgres, redis] = await Promise.all([
    openStore('postmaster.pid', startPostgres, {
      programs,
      password,
      dir: join(folder, 'postgres'),
      // A process that is killed leaves its sessions behind for a while.
      settings: { max_connections: '200', log_connections: 'off' },
    }),
    openStore('redis.pid', startRedis, {
      programs,
      password,
      dir: join(folder, 'redis'),
      settings: { 'enable-debug-command': 'local' },
    }),
  ])
  const sql = new pg.Pool({ connectionString: postgres.url, max: 3, application_name: 'campaign' })
  sql.on('error', () => {}) // ended by a fault; the next query connects anew
  const redisAdmin = new Redis(redis.url, {
    connectionName: 'campaign',
    retryStrategy: () => 100,
    maxRetriesPerRequest: null,
  })
  redisAdmin.on('error', () => {}) // as above
  return {
    postgres,
    redis,
    sql,
    redisAdmin,
    async close() {
      redisAdmin.disconnect()
      await sql.end()
      await Promise.all([postgres.close(), redis.close()])
    },
  }
}

async function openStore(
  pidFile: string,
  launch: (options: LocalServerOptions) => Promise<LocalServer & { url: string }>,
  options: LocalServerOptions,
): Promise<Store> {
  let server = await launch(options)
  const data = join(options.dir, 'data')
  const store: Store = {
    port: server.port,
    url: server.url,
    data,
    pid: () => Number.parseInt(readFileSync(join(data, pidFile), 'utf8'), 10),
    async end(signal) {
      process.kill(store.pid(), signal)
      await server.ended
    },
    async start() {
      server = await launch({ ...options, port: store.port })
    },
    close: () => server.stop(),
  }
  return store
}
