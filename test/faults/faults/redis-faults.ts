import { execFileSync, spawn } from 'node:child_process'
import { readdirSync, statSync, truncateSync } from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Store } from '../stores.ts'
import { drawOutageMs, type Fault, type Scene } from './fault.ts'

/** Redis lost, emptied, fallen back, full and slow. */
export const redisFaults: Fault[] = [
  { name: 'Redis killed', group: 'redis', strike: kill },
  { name: 'Redis killed, last second of its log lost', group: 'redis', strike: loseTail },
  { name: 'Redis emptied', group: 'redis', strike: flush },
  { name: 'Redis back in an older state', group: 'redis', strike: fallBack },
  { name: 'Redis out of memory', group: 'redis', strike: fill },
  { name: 'Redis evicts', group: 'redis', strike: evict },
  { name: 'Redis hangs', group: 'redis', strike: hang },
  { name: 'Redis pauses its clients', group: 'redis', strike: pause },
  { name: 'Redis killed while its syncs are slow', group: 'redis', strike: slowSync, missing: whyNoStrace },
]

async function kill(scene: Scene): Promise<void> {
  const { redis } = scene.cluster.stores
  await redis.end('SIGKILL')
  await sleep(scene.random.between(0, 2000))
  await redis.start()
}

/** kill -9 alone loses nothing, for the system keeps what was written; so what the last second wrote is cut off, as a power cut would. */
async function loseTail(scene: Scene): Promise<void> {
  await rewind(scene, scene.random.between(800, 1500))
}

async function flush({ cluster }: Scene): Promise<void> {
  await cluster.stores.redisAdmin.flushall()
}

/** As a lagging replica that is promoted, or a restored snapshot: finished deliveries are back, newer ones gone. */
async function fallBack(scene: Scene): Promise<void> {
  await rewind(scene, scene.random.between(1500, 5000))
}

/** Kills it and takes back what it has written in the last `ms`. */
async function rewind({ cluster, tell }: Scene, ms: number): Promise<void> {
  const { redis } = cluster.stores
  const file = appendOnlyFile(redis)
  const sizeBefore = statSync(file).size
  await sleep(ms)
  await redis.end('SIGKILL')
  tell(`${statSync(file).size - sizeBefore} bytes of ${ms} ms lost`)
  truncateSync(file, sizeBefore)
  await redis.start()
}

async function fill(scene: Scene): Promise<void> {
  const { redisAdmin } = scene.cluster.stores
  await redisAdmin.config('SET', 'maxmemory', '1mb')
  await sleep(drawOutageMs(scene))
  await redisAdmin.config('SET', 'maxmemory', '0')
}

async function evict(scene: Scene): Promise<void> {
  const { redisAdmin } = scene.cluster.stores
  await redisAdmin.config('SET', 'maxmemory-policy', 'allkeys-random')
  await redisAdmin.config('SET', 'maxmemory', '1mb')
  await sleep(drawOutageMs(scene))
  await redisAdmin.config('SET', 'maxmemory', '0')
  await redisAdmin.config('SET', 'maxmemory-policy', 'noeviction')
}

async function hang(scene: Scene): Promise<void> {
  await scene.cluster.stores.redisAdmin.call('DEBUG', 'SLEEP', drawOutageMs(scene) / 1000)
}

async function pause(scene: Scene): Promise<void> {
  const ms = drawOutageMs(scene)
  await scene.cluster.stores.redisAdmin.client('PAUSE', ms, 'ALL')
  await sleep(ms)
}

async function slowSync(scene: Scene): Promise<void> {
  const { redis } = scene.cluster.stores
  const pid = String(redis.pid())
  const tracer = spawn(
    'strace',
    ['-f', '-q', '-p', pid, '-o', '/dev/null', '-e', 'inject=fdatasync,fsync:delay_enter=1500000'],
    { stdio: 'ignore' },
  )
  const isOver = once(tracer, 'exit')
  await sleep(drawOutageMs(scene))
  await redis.end('SIGKILL')
  await isOver
  await redis.start()
}

function whyNoStrace(): string | undefined {
  try {
    execFileSync('strace', ['-q', '-o', '/dev/null', '-e', 'inject=fdatasync:delay_enter=1', 'true'], {
      stdio: 'ignore',
    })
    return undefined
  } catch {
    return 'strace is not installed or may not trace here'
  }
}

/** The file that Redis appends to now; earlier ones are bases. */
function appendOnlyFile(redis: Store): string {
  const folder = join(redis.data, 'appendonlydir')
  const name = readdirSync(folder)
    .filter((file) => file.endsWith('.incr.aof'))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .at(-1)
  if (!name) throw new Error('Redis has no append-only file.')
  return join(folder, name)
}
