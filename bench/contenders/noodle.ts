import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import pg from 'pg'
import { v7 as uuidv7 } from 'uuid'
import { loadProtocol, serviceOf } from '../../proto/load-protocol.ts'
import { migrate } from '../../queue/store/migrate.ts'
import { pidOf, startChild } from '../child.ts'
import { concurrency, type JobPlatform, payload } from '../contender.ts'
import { loadSubmitStream } from '../submit-stream.ts'
import type { Stores } from '../stores.ts'

const jobService = serviceOf(loadProtocol(), 'noodle.v1.JobService')
const serialize = (name: 'Submit' | 'SubmitStream', request: object): Buffer => {
  const method = jobService[name]
  if (!method) throw new Error(`The protocol has no ${name}.`)
  return method.requestSerialize(request)
}

const password = 'a benchmark password'
const main = (process: string): string => join(import.meta.dirname, '../..', process, 'main.ts')

/**
 * Noodle as it ships: everything that is on by default is on. With `isAlone` the jobs that it is filled with ask for a GPU each, of which the worker says to
 * have enough: such jobs share no delivery. With `isRemote` the worker reaches no store: it goes through a gateway, which is started with it.
 */
export function makeNoodle(
  name: string,
  stores: Stores,
  { isAlone = false, isRemote = false } = {},
): JobPlatform {
  let databaseUrl = ''
  const AUTH_JWT_SECRET = 'a benchmark secret of more than thirty-two bytes'
  const env = (): Record<string, string> => ({
    DATABASE_URL: databaseUrl,
    REDIS_URL: stores.redisUrl,
    AUTH_JWT_SECRET,
    ADMIN_PASSWORD: password,
    LOG_LEVEL: 'warn',
    RATE_LIMIT_REQUESTS_PER_MINUTE: '6000000', // limited, but not within a benchmark
    RATE_LIMIT_JOBS_PER_MINUTE: '60000000',
    ...(isAlone && { NODE_GPUS: String(concurrency) }),
  })
  /** A gateway that takes jobs for remote workers. */
  async function startGrpc() {
    const port = String(await freePort())
    const { child, stop } = await startChild(main('api'), {
      ...env(),
      ...{ PORT: '0', GRPC_PORT: port, SHUTDOWN_DELAY_MS: '0' },
    })
    return { address: `127.0.0.1:${port}`, pid: pidOf(child), stop }
  }

  return {
    name,
    async reset() {
      await stores.redis.flushall()
      databaseUrl = await stores.makeDatabase('bench')
      await migrate(databaseUrl)
    },
    async startGateway() {
      const port = await freePort()
      const grpcPort = await freePort()
      const { child, stop } = await startChild(main('api'), {
        ...env(),
        PORT: String(port),
        GRPC_PORT: String(grpcPort),
      })
      const url = `http://127.0.0.1:${String(port)}`
      const token = await logIn(url)
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
      const job = { task: 'echo', payload }
      const address = `127.0.0.1:${String(grpcPort)}`
      const message = { task: 'echo', payloadJson: Buffer.from(JSON.stringify(payload)) }
      const call = (name: string) => ({
        address,
        path: `/noodle.v1.JobService/${name}`,
        headers: { authorization: `Bearer ${token}` },
      })
      const manyOf = (count: number) =>
        serialize('SubmitStream', { jobs: Array.from({ length: count }, () => message) })
      return {
        request: { url: `${url}/v1/jobs`, headers, body: JSON.stringify(job) },
        batch: (count) => ({
          url: `${url}/v1/jobs/batch`,
          headers,
          body: JSON.stringify({ jobs: Array.from({ length: count }, () => job) }),
        }),
        grpc: {
          submit: { ...call('Submit'), message: serialize('Submit', { job: message }) },
          submitStream: (load) => loadSubmitStream({ ...call('SubmitStream'), message: manyOf }, load),
        },
        pids: { gateway: pidOf(child) },
        stop,
      }
    },
    fill: (count) => fillNoodle(databaseUrl, count, isAlone ? 1 : 0),
    async startBackground() {
      const ops = await startChild(main('ops'), env())
      return { pids: { ops: pidOf(ops.child) }, stop: ops.stop }
    },
    async startWorkers(onStart) {
      const port = await freePort()
      const ops = await startChild(main('ops'), env())
      const gateway = isRemote ? await startGrpc() : undefined
      const worker = await startChild(
        main('workers'),
        {
          ...(gateway ? { MASTER_HOST: gateway.address, AUTH_JWT_SECRET, LOG_LEVEL: 'warn' } : env()),
          TIER: 'small',
          CONCURRENCY: String(concurrency),
          METRICS_PORT: String(port),
          ...(onStart && { LOG_LEVEL: 'debug' }),
        },
        onStart && ((line) => hearStart(line, onStart)),
      )
      return {
        pids: {
          worker: pidOf(worker.child),
          ops: pidOf(ops.child),
          ...(gateway && { gateway: gateway.pid }),
        },
        async finished() {
          const text = await (await fetch(`http://127.0.0.1:${String(port)}/metrics`)).text()
          const counts = text.matchAll(/^noodle_job_duration_seconds_count\{[^}]*\} (\d+)/gm)
          return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
        },
        async stop() {
          await worker.stop()
          await Promise.all([ops.stop(), gateway?.stop()])
        },
      }
    },
  }
}

/** Has so many jobs wait, each asking for so many GPUs. */
export async function fillNoodle(databaseUrl: string, count: number, gpu = 0): Promise<void> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 })
  for (let left = count; left > 0; left -= 10_000)
    await pool.query(insert, [
      Array.from({ length: Math.min(10_000, left) }, () => uuidv7()),
      ...[payload, gpu],
    ])
  await pool.query('VACUUM ANALYZE jobs')
  await pool.end()
}

/** Accepted jobs as the gateway stores them, with their acceptance events. */
const insert = `
  WITH new AS (
    INSERT INTO jobs (id, tenant, user_id, task, tier, state, priority, payload, cpu, memory_mb, gpu, timeout_ms, max_attempts, backoff_ms, backoff_strategy, labels, due_at, ready)
    SELECT id, 'default', '00000000-0000-7000-8000-000000000001', 'echo', 'small', 'pending', 5, $2::json, 0, 0, $3, 3600000, 3, 1000, 'exponential', '{}', now(), true
    FROM unnest($1::uuid[]) AS t(id)
    RETURNING id
  )
  INSERT INTO job_events (job_id, seq, state, tenant, task) SELECT id, 1, 'pending', 'default', 'echo' FROM new`

async function logIn(url: string): Promise<string> {
  const response = await fetch(`${url}/v1/auth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'admin', password }),
  })
  return ((await response.json()) as { accessToken: string }).accessToken
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}

/** The line that a worker logs when a task begins. */
function hearStart(line: string, onStart: (id: string, atMs: number) => void): void {
  const { message, jobId, timestamp } = JSON.parse(line) as Record<string, string>
  if (message === 'job started' && jobId && timestamp) onStart(jobId, Date.parse(timestamp))
}
