import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import pg from 'pg'
import type { LocalServerOptions } from '../../../ops/local/local-server.ts'
import { isPortFree } from '../../../ops/local/ports.ts'
import { startPostgres } from '../../../ops/local/postgres-server.ts'
import { send } from '../../../ops/local/processes.ts'
import { readPrograms } from '../../../ops/local/programs.ts'
import { startRedis } from '../../../ops/local/redis-server.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { waitFor } from '../../support/wait-for.ts'
import { isAlive } from '../../workers/a-run.ts'

const programs = readPrograms()
const password = 'a-password_of-tests'
const settings = { fsync: 'off' }

/** Open to the servers' user, so that root's tests leave nothing elsewhere. */
function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'noodle-servers-'))
  chmodSync(folder, 0o711)
  cleanUp(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function openRedis(options: Partial<LocalServerOptions> & { dir: string }) {
  const server = await startRedis({ programs, password, ...options })
  cleanUp(() => server.stop())
  return server
}

async function openPostgres(options: Partial<LocalServerOptions> & { dir: string }) {
  const server = await startPostgres({ programs, password, settings, ...options })
  cleanUp(() => server.stop())
  return server
}

async function askRedis<T>(url: string, question: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null })
  redis.on('error', () => {}) // the question fails too
  try {
    await redis.connect()
    return await question(redis)
  } finally {
    redis.disconnect()
  }
}

async function askPostgres(url: string, statement: string): Promise<unknown[]> {
  const client = new pg.Client(url)
  client.on('error', () => {}) // the statement fails too
  try {
    await client.connect()
    const result = await client.query<Record<string, unknown>>(statement)
    return result.rows.map((row) => Object.values(row)[0])
  } finally {
    await client.end()
  }
}

const withPassword = (url: string, other: string): string => url.replace(password, other)

test('Redis keeps its data over a restart, appends, and never evicts', async () => {
  const dir = makeFolder()
  const first = await openRedis({ dir })
  await askRedis(first.url, (redis) => redis.set('noodle', 'soup'))
  await first.stop()
  expect(await isPortFree(first.port)).toBe(true)

  const second = await openRedis({ dir })
  expect(await askRedis(second.url, (redis) => redis.get('noodle'))).toBe('soup')
  expect(await askRedis(second.url, (redis) => redis.config('GET', 'appendfsync'))).toEqual([
    'appendfsync',
    'everysec',
  ])
  expect(await askRedis(second.url, (redis) => redis.config('GET', 'maxmemory-policy'))).toEqual([
    'maxmemory-policy',
    'noeviction',
  ])
})

test('Postgres keeps its data over a restart', async () => {
  const dir = makeFolder()
  const first = await openPostgres({ dir })
  await askPostgres(first.url, "CREATE TABLE dish AS SELECT 'Rindfleischbrühe' AS name")
  await first.stop()
  expect(await isPortFree(first.port)).toBe(true)

  const second = await openPostgres({ dir })
  expect(await askPostgres(second.url, 'SELECT name FROM dish')).toEqual(['Rindfleischbrühe'])
  expect(await askPostgres(second.adminUrl, 'SELECT current_database()')).toEqual(['postgres'])
  expect(await askPostgres(second.url, 'SHOW synchronous_commit')).toEqual(['on'])
})

test('a wrong password is refused, and passwords are in no argument and no readable file', async () => {
  const folder = makeFolder()
  const redis = await openRedis({ dir: join(folder, 'redis') })
  const postgres = await openPostgres({ dir: join(folder, 'postgres') })

  await expect(askRedis(withPassword(redis.url, 'wrong'), (it) => it.get('noodle'))).rejects.toThrow()
  await expect(askPostgres(withPassword(postgres.url, 'wrong'), 'SELECT 1')).rejects.toThrow(
    'password authentication failed',
  )
  expect(statSync(join(folder, 'redis/redis.conf')).mode & 0o777).toBe(0o600)
  expect(existsSync(join(folder, 'postgres/password'))).toBe(false)
})

test('two of each run side by side', async () => {
  const folder = makeFolder()
  const [a, b, c, d] = await Promise.all([
    openRedis({ dir: join(folder, 'a') }),
    openRedis({ dir: join(folder, 'b') }),
    openPostgres({ dir: join(folder, 'c') }),
    openPostgres({ dir: join(folder, 'd') }),
  ])
  expect(new Set([a.port, b.port, c.port, d.port]).size).toBe(4)
  await askRedis(a.url, (redis) => redis.set('only', 'here'))
  expect(await askRedis(b.url, (redis) => redis.get('only'))).toBeNull()
  await askPostgres(c.url, 'CREATE TABLE only_here ()')
  expect(await askPostgres(d.url, "SELECT to_regclass('only_here')")).toEqual([null])
})

test('a folder serves one instance at a time, and says whose it is', async () => {
  const dir = makeFolder()
  const server = await openRedis({ dir })
  await expect(openRedis({ dir })).rejects.toThrow(
    `${dir} is in use by another instance (process ${String(process.pid)})`,
  )
  await server.stop()
  await server.stop() // twice is harmless
  expect(await server.ended).toContain('exit code 0')
  await openRedis({ dir })
})

test('a port that is taken or a setting that is unknown is an error with the end of the log', async () => {
  const folder = makeFolder()
  const [redis, postgres] = [join(folder, 'redis'), join(folder, 'postgres')]
  const taken = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
  await once(taken, 'listening')
  cleanUp(() => taken.close())
  const { port } = taken.address() as AddressInfo

  await expect(openRedis({ dir: redis, port })).rejects.toThrow(
    /ended with exit code 1.*Address already in use/s,
  )
  await expect(openPostgres({ dir: postgres, port })).rejects.toThrow(
    /ended with exit code 1.*Address already in use/s,
  )
  await expect(openRedis({ dir: redis, settings: { soup: 'hot' } })).rejects.toThrow('soup "hot"')
  await expect(openPostgres({ dir: postgres, settings: { soup: 'hot' } })).rejects.toThrow(
    'unrecognized configuration parameter "soup"',
  )
})

/** Starts both servers from a process of their own. */
async function startElsewhere(
  folder: string,
): Promise<{ starter: ChildProcess; redisUrl: string; postgresUrl: string }> {
  const starter = fork(join(import.meta.dirname, 'start-and-wait.ts'), [folder, password], { execArgv: [] })
  cleanUp(() => starter.kill('SIGKILL'))
  const [urls] = (await once(starter, 'message')) as [{ redisUrl: string; postgresUrl: string }]
  return { starter, ...urls }
}

const portOf = (url: string): number => Number(new URL(url).port)

test('both are gone soon after the process that started them is killed', async () => {
  const { starter, redisUrl, postgresUrl } = await startElsewhere(makeFolder())
  starter.kill('SIGKILL')
  await waitFor(() => isPortFree(portOf(redisUrl)))
  await waitFor(() => isPortFree(portOf(postgresUrl)))
})

test('what survives because its guard does nothing is stopped by the next start, and its data is there', async () => {
  const folder = makeFolder()
  const { starter, redisUrl, postgresUrl } = await startElsewhere(folder)
  await askRedis(redisUrl, (redis) => redis.set('noodle', 'soup'))
  await askPostgres(postgresUrl, 'CREATE TABLE dish ()')
  const pids = ['redis/data/redis.pid', 'postgres/data/postmaster.pid'].map((file) =>
    Number.parseInt(readFileSync(join(folder, file), 'utf8')),
  )
  for (const pid of pids) {
    const guard = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1])
    send(-guard, 'SIGSTOP') // the watcher is in the group too
    send(pid, 'SIGCONT')
    cleanUp(() => send(-guard, 'SIGKILL'))
  }
  starter.kill('SIGKILL')
  await once(starter, 'exit')

  const said: string[] = []
  const redis = await openRedis({ dir: join(folder, 'redis'), log: (message) => said.push(message) })
  const postgres = await openPostgres({ dir: join(folder, 'postgres'), log: (message) => said.push(message) })
  for (const pid of pids)
    expect(said).toContainEqual(expect.stringMatching(`left behind .process ${String(pid)}`))
  expect(await askRedis(redis.url, (it) => it.get('noodle'))).toBe('soup')
  expect(await askPostgres(postgres.url, "SELECT to_regclass('dish') IS NOT NULL")).toEqual([true])
})

test('Postgres starts only when no process of a killed one is left, and says what it waits for', async () => {
  const folder = makeFolder()
  const { starter, postgresUrl } = await startElsewhere(folder)
  await askPostgres(postgresUrl, 'CREATE TABLE dish ()')
  const client = new pg.Client(postgresUrl)
  client.on('error', () => {})
  await client.connect()
  cleanUp(() => client.end().catch(() => undefined))
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  const backend = rows[0]?.pid ?? 0
  const postmaster = Number.parseInt(readFileSync(join(folder, 'postgres/data/postmaster.pid'), 'utf8'))
  send(backend, 'SIGSTOP') // as one that computes: it does not look whether its server is there
  cleanUp(() => send(backend, 'SIGKILL'))
  send(postmaster, 'SIGKILL')
  starter.kill('SIGKILL')
  await once(starter, 'exit')

  const said: string[] = []
  const postgres = await openPostgres({ dir: join(folder, 'postgres'), log: (message) => said.push(message) })
  expect(said).toEqual([
    `Waiting for the end of what a killed postgres server left behind (process ${String(backend)}).`,
  ])
  expect(isAlive(backend)).toBe(false)
  expect(await askPostgres(postgres.url, "SELECT to_regclass('dish') IS NOT NULL")).toEqual([true])
})
