/*
 * The worker to it: a no-op handler that returns its payload, with a row updated at its start and at its end where there is one. It tells its parent
 * twice a second, and when asked, how many jobs it has finished, and of each of the first jobs when its handler started.
 */
import { Worker } from 'bullmq'
import { run } from 'graphile-worker'
import { Redis } from 'ioredis'
import pg from 'pg'
import { PgBoss } from 'pg-boss'

const { STORE = '', DATABASE_URL = '', REDIS_URL = '', CONCURRENCY = '1', TELL_STARTS } = process.env
const concurrency = Number(CONCURRENCY)
let finished = 0
const started = (id: string): void => {
  if (TELL_STARTS) process.send?.({ started: id, at: performance.timeOrigin + performance.now() })
}

const starters: Record<string, () => Promise<unknown>> = {
  async durable() {
    const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 10 })
    return new Worker(
      'jobs',
      async (job) => {
        await pool.query(
          "UPDATE jobs SET state = 'running', started_at = now(), attempt = attempt + 1 WHERE id = $1",
          [job.id],
        )
        started(job.id ?? '')
        await pool.query(
          "UPDATE jobs SET state = 'succeeded', result = $2, finished_at = now() WHERE id = $1",
          [job.id, job.data],
        )
        finished++
        return null
      },
      { connection: new Redis(REDIS_URL, { maxRetriesPerRequest: null }), concurrency },
    ).waitUntilReady()
  },
  async redis() {
    return new Worker(
      'jobs',
      (job) => {
        started(job.id ?? '')
        finished++
        return Promise.resolve(job.data as unknown)
      },
      { connection: new Redis(REDIS_URL, { maxRetriesPerRequest: null }), concurrency },
    ).waitUntilReady()
  },
  async 'pg-boss'() {
    const boss = new PgBoss({ connectionString: DATABASE_URL, max: 10 })
    await boss.start()
    await boss.createQueue('echo').catch(() => undefined)
    // One job a handler call, as the others; its batches are its own optimisation and stay on.
    await boss.work('echo', { batchSize: concurrency, pollingIntervalSeconds: 0.5 }, (jobs) => {
      for (const job of jobs) started(job.id)
      finished += jobs.length
      return Promise.resolve()
    })
  },
  async 'graphile-worker'() {
    await run({
      pgPool: new pg.Pool({ connectionString: DATABASE_URL, max: 10 }),
      concurrency,
      pollInterval: 1000,
      noHandleSignals: true,
      taskList: {
        echo: (_payload, { job }) => {
          started(job.id)
          finished++
        },
      },
    })
  },
}

process.on('message', () => process.send?.({ finished }))
await starters[STORE]?.()
process.send?.({ ready: true })
