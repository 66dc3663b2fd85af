import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import pg from 'pg'
import type { LocalServer, LocalServerOptions } from '../../ops/local/local-server.ts'
import { startPostgres } from '../../ops/local/postgres-server.ts'
import { readPrograms } from '../../ops/local/programs.ts'
import { startRedis } from '../../ops/local/redis-server.ts'
import { startProxy } from './proxy.ts'
import { openSmallDisk, type SmallDisk } from './small-disk.ts'

type Server = LocalServer & { url: string }

/** A store of the campaign's own: a real server that can be killed and brought back, on the same port with the same data. */
export interface Store {
  readonly port: number
  /** The way past all proxies, for the campaign itself. */
  readonly url: string
  /** Its data folder. */
  readonly data: string
  /** How its server was started. */
  readonly options: LocalServerOptions
  pid(): number
  /** Sends the signal to the server itself and resolves when it has ended. */
  end(signal: NodeJS.Signals): Promise<void>
  /** Resolves when the server has ended, asked to or not. */
  ended(): Promise<unknown>
  /** Starts it again and resolves when it serves. */
  start(): Promise<void>
  /** Puts another running server in its place, which has been started with these options. */
  replaceBy(server: Server, options: LocalServerOptions): void
  close(): Promise<void>
}

export interface Stores {
  postgres: Store
  redis: Store
  /** Where Postgres' data lies when it has a disk of its own; else why it has none. */
  disk: SmallDisk | string
  /** The campaign's own sessions. They follow a Postgres that is replaced. */
  sql: pg.Pool
  redisAdmin: Redis
  close(): Promise<void>
}

/** Both with fsync, as in production. */
export async function startStores(folder: string): Promise<Stores> {
  const programs = readPrograms()
  const password = randomBytes(12).toString('hex')
  const disk = tryToOpenDisk(folder)
  const [postgres, redis] = await Promise.all([
    openStore('postmaster.pid', startPostgres, {
      programs,
      password,
      dir: join(typeof disk === 'string' ? folder : disk.folder, 'postgres'),
      settings: {
        // A process that is killed leaves its sessions behind for a while.
        max_connections: '200',
        log_connections: 'off',
        // So that a standby which is cut off for some seconds can go on.
        wal_keep_size: '256MB',
      },
    }),
    openStore('redis.pid', startRedis, {
      programs,
      password,
      dir: join(folder, 'redis'),
      settings: { 'enable-debug-command': 'local' },
    }),
  ])
  const front = await startProxy(() => postgres.port, Math.random)
  const url = new URL(postgres.url)
  url.port = String(front.port)
  const sql = new pg.Pool({ connectionString: url.href, max: 3, application_name: 'campaign' })
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
    disk,
    sql,
    redisAdmin,
    async close() {
      redisAdmin.disconnect()
      await sql.end()
      await front.close()
      await Promise.all([postgres.close(), redis.close()])
      if (typeof disk !== 'string') disk.close()
    },
  }
}

function tryToOpenDisk(folder: string): SmallDisk | string {
  try {
    return openSmallDisk(folder)
  } catch {
    return 'mounting an image takes root and a loop device'
  }
}

async function openStore(
  pidFile: string,
  launch: (options: LocalServerOptions) => Promise<Server>,
  firstOptions: LocalServerOptions,
): Promise<Store> {
  let options = firstOptions
  let server = await launch(options)
  const store: Store = {
    get port() {
      return server.port
    },
    get url() {
      return server.url
    },
    get data() {
      return join(options.dir, 'data')
    },
    get options() {
      return options
    },
    pid: () => Number.parseInt(readFileSync(join(store.data, pidFile), 'utf8'), 10),
    async end(signal) {
      process.kill(store.pid(), signal)
      await server.ended
    },
    ended: () => server.ended,
    async start() {
      server = await launch({ ...options, port: store.port })
    },
    replaceBy(next, nextOptions) {
      server = next
      options = nextOptions
    },
    close: () => server.stop(),
  }
  return store
}
