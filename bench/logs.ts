/*
 * The log of one job, followed by many: `../scripts/node logs.ts` in this folder.
 *   --rate 10000       lines a second
 *   --seconds 20
 *   --followers 100
 *   --slow 5           more followers, who take nothing for as long as lines come
 * A gateway and the followers are processes of their own; lines go through the worker's shipper here. Prints what it cost, and fails when a follower
 * missed a line or got one twice.
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { readConfig } from '../core/config.ts'
import { silentLogger } from '../core/logger.ts'
import { makeMetrics } from '../core/metrics.ts'
import { openQueue, queueOptions } from '../queue/open-queue.ts'
import { migrate } from '../queue/store/migrate.ts'
import { claimJob } from '../queue/use-cases/claim-job.ts'
import { makeDispatchRound } from '../queue/use-cases/dispatch-jobs.ts'
import { finishJob } from '../queue/use-cases/finish-job.ts'
import { makeFleetView } from '../queue/use-cases/fleet.ts'
import { makeDirectPlatform } from '../workers/direct-platform.ts'
import { makeLogShipper } from '../workers/log-shipper.ts'
import { startChild } from './child.ts'
import { startStores } from './stores.ts'

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '20' },
    followers: { type: 'string', default: '100' },
    slow: { type: 'string', default: '5' },
  },
})
const [rate, seconds, followers, slow] = [values.rate, values.seconds, values.followers, values.slow].map(
  Number,
) as [number, number, number, number]
interface Found {
  complete: number
  lagMs: number[]
}

const total = rate * seconds

const stores = await startStores()
const env = { DATABASE_URL: await stores.makeDatabase('logs'), REDIS_URL: stores.redisUrl }
await migrate(env.DATABASE_URL)
const queue = await openQueue(readConfig(queueOptions, env), {
  name: 'bench',
  log: silentLogger,
  metrics: makeMetrics(),
})
const { deps } = queue
const stops: (() => Promise<void>)[] = []
const password = 'a benchmark password'
try {
  const port = await freePort()
  const url = `http://127.0.0.1:${String(port)}`
  const gateway = await start('../api/main.ts', {
    ...env,
    PORT: String(port),
    GRPC_PORT: '0',
    AUTH_JWT_SECRET: 'a benchmark secret of more than thirty-two bytes',
    ADMIN_PASSWORD: password,
    LOG_LEVEL: 'warn',
  })
  const token = await logIn(url)
  const bootId = await aNode()
  const job = await aRunningJob(url, token, bootId)

  const clients = await Promise.all(
    [0, 1].map((i) =>
      start('processes/log-followers.ts', {
        URL: `${url}/v1/jobs/${job.id}/logs`,
        TOKEN: token,
        FOLLOWERS: String(Math.floor(followers / 2) + (i < followers % 2 ? 1 : 0)),
        SLOW: i === 0 ? String(slow) : '0',
        LINES: String(total),
      }),
    ),
  )
  const found = Promise.all(clients.map((child) => answer<Found>(child)))
  const before = await readMetrics(url) // and begins to count event loop delays anew
  const startedMs = performance.now()
  const scheduledBefore = readSchedule(gateway.pid)
  const shipper = makeLogShipper(
    { ...deps, platform: makeDirectPlatform(deps) },
    { limitBytes: Number.MAX_SAFE_INTEGER },
  )
  const log = shipper.open(job)
  let told = 0
  let redisBytes = 0
  while (told < total) {
    await sleep(10)
    const due = Math.min(total, Math.floor(((performance.now() - startedMs) / 1000) * rate))
    let text = ''
    while (told < due)
      text += `${String(Date.now())} line ${String(++told)} of a log as programs write them, some eighty characters long\n`
    log.write('stdout', Buffer.from(text))
    if (told % rate < rate / 50)
      redisBytes = Math.max(redisBytes, (await stores.redis.memory('USAGE', `{noodle-log:${job.id}}`)) ?? 0)
  }
  const tellMs = performance.now() - startedMs
  await log.end()
  const after = await readMetrics(url)
  const scheduled = readSchedule(gateway.pid)
  for (const child of clients) child.send('all lines are out')
  await finishJob(deps, bootId, job, { kind: 'succeeded', result: null, usage: { wallMs: 1 } })
  const lags = (await found).flatMap(({ lagMs }) => lagMs).sort((a, b) => a - b)
  const complete = (await found).reduce((sum, one) => sum + one.complete, 0)
  console.log(
    JSON.stringify(
      {
        lines: total,
        linesPerSecond: Math.round(total / (tellMs / 1000)),
        followers,
        slow,
        complete,
        lagMs: {
          p50: lags[Math.floor(lags.length / 2)],
          p99: lags[Math.floor(lags.length * 0.99)],
          max: lags.at(-1),
        },
        gateway: {
          eventLoopDelayMs: {
            p50: ms(after['nodejs_eventloop_lag_p50_seconds']),
            p99: ms(after['nodejs_eventloop_lag_p99_seconds']),
            max: ms(after['nodejs_eventloop_lag_max_seconds']),
          },
          rssMiB: {
            before: mib(before['process_resident_memory_bytes']),
            after: mib(after['process_resident_memory_bytes']),
          },
          cpuSeconds: {
            whileLinesCame: scheduled.ran - scheduledBefore.ran,
            inAll: readSchedule(gateway.pid).ran - scheduledBefore.ran,
          },
          // On a busy machine most of the delay is this.
          waitedForCpuSeconds: scheduled.waited - scheduledBefore.waited,
        },
        worker: { rssMiB: mib(process.memoryUsage().rss) },
        redisStreamKiB: Math.round(redisBytes / 1024),
        keptMiB: mib(await stores.databaseBytes('logs')),
      },
      null,
      2,
    ),
  )
  if (complete !== followers + slow) process.exitCode = 1
  await shipper.stop()
} finally {
  for (const stop of stops.reverse()) await stop()
  await queue.close()
  await stores.stop()
}

async function start(file: string, childEnv: Record<string, string>): Promise<ChildProcess> {
  const { child, stop } = await startChild(join(import.meta.dirname, file), childEnv)
  stops.push(stop)
  return child
}

async function answer<T>(child: ChildProcess): Promise<T> {
  const [message] = (await once(child, 'message')) as [T]
  return message
}

/** Seconds that the main thread of a process ran, and that it stood ready and did not get a processor. */
function readSchedule(pid = 0): { ran: number; waited: number } {
  const [ran = 0, waited = 0] = readFileSync(`/proc/${String(pid)}/schedstat`, 'utf8')
    .split(' ')
    .map(Number)
  return { ran: ran / 1e9, waited: waited / 1e9 }
}

function mib(bytes = 0): number {
  return Math.round(bytes / 1024 / 1024)
}

function ms(ofSeconds = 0): number {
  return Math.round(ofSeconds * 10_000) / 10
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

async function logIn(url: string): Promise<string> {
  const response = await fetch(`${url}/v1/auth/token`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ username: 'admin', password }),
  })
  return ((await response.json()) as { accessToken: string }).accessToken
}

async function readMetrics(url: string): Promise<Record<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Object.fromEntries(
    text.split('\n').flatMap((line) => {
      const [, name = '', value] = /^(\w+) (\S+)$/.exec(line) ?? []
      return value === undefined ? [] : [[name, Number(value)]]
    }),
  )
}

async function aNode(): Promise<string> {
  const bootId = deps.newId()
  await deps.nodes.register(
    {
      id: 'bench',
      bootId,
      tiers: ['small'],
      cpus: 2,
      memoryMb: 4096,
      gpus: 0,
      concurrency: 10,
      version: '0',
      tasks: [],
    },
    600_000,
  )
  return bootId
}

async function aRunningJob(url: string, token: string, bootId: string) {
  const response = await fetch(`${url}/v1/jobs`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
    body: JSON.stringify({ task: 'echo', payload: null }),
  })
  const { id } = (await response.json()) as { id: string }
  const dispatch = makeDispatchRound(deps, makeFleetView(deps))
  for (;;) {
    await dispatch()
    const job = await claimJob(deps, bootId, { id, seq: 1 })
    if (job) return job
    await sleep(100)
  }
}
