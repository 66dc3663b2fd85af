import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { Queue } from 'bullmq'
import { makeWorkerUtils } from 'graphile-worker'
import jwt from 'jsonwebtoken'
import pg from 'pg'
import { PgBoss } from 'pg-boss'
import { pidOf, startChild } from '../child.ts'
import { concurrency, type JobPlatform, payload } from '../contender.ts'
import type { Stores } from '../stores.ts'

const secret = 'a benchmark secret of more than thirty-two bytes'
const script = (name: string): string => join(import.meta.dirname, '../processes', name)

export type Store = 'durable' | 'redis' | 'pg-boss' | 'graphile-worker'

const shares: Partial<Record<Store, number>> = { 'pg-boss': 0.05, 'graphile-worker': 0.25 }

const schema = `
  CREATE TABLE jobs (
    id uuid PRIMARY KEY, user_id text NOT NULL, task text NOT NULL, payload jsonb NOT NULL, state text NOT NULL, attempt integer NOT NULL DEFAULT 0,
    result jsonb, created_at timestamptz NOT NULL DEFAULT now(), started_at timestamptz, finished_at timestamptz
  );
  CREATE INDEX ON jobs (state, created_at);`

/** Express and one of the usual queues, wired as their manuals do it. */
export function makeNaive(store: Store, name: string, stores: Stores): JobPlatform {
  let databaseUrl = ''
  const env = (): Record<string, string> => ({
    STORE: store,
    DATABASE_URL: databaseUrl,
    REDIS_URL: stores.redisUrl,
    JWT_SECRET: secret,
    CONCURRENCY: String(concurrency),
  })
  return {
    name,
    share: shares[store] ?? 1,
    async reset() {
      await stores.redis.flushall()
      databaseUrl = await stores.makeDatabase('bench')
      if (store === 'durable') await withPool(databaseUrl, (pool) => pool.query(schema))
    },
    async startGateway() {
      const { child, first, stop } = await startChild(script('naive-gateway.ts'), env())
      return {
        request: {
          url: `http://127.0.0.1:${String(first['port'])}/jobs`,
          headers: {
            'content-type': 'application/json',
            authorization: `Bearer ${jwt.sign({ role: 'user' }, secret, { subject: 'bench', expiresIn: 3600 })}`,
          },
          body: JSON.stringify({ task: 'echo', payload }),
        },
        pids: { gateway: pidOf(child) },
        stop,
      }
    },
    fill: (count) => fillers[store](stores, databaseUrl, count),
    async startWorkers(onStart) {
      const { child, stop } = await startChild(script('naive-worker.ts'), {
        ...env(),
        ...(onStart && { TELL_STARTS: 'yes' }),
      })
      child.on('message', (message: { started?: string; at?: number }) => {
        if (message.started !== undefined) onStart?.(message.started, message.at ?? 0)
      })
      return {
        pids: { worker: pidOf(child) },
        finished: () =>
          new Promise((resolve) => {
            const hear = (message: { finished?: number }): void => {
              if (message.finished === undefined) return
              child.off('message', hear)
              resolve(message.finished)
            }
            child.on('message', hear)
            child.send('how many?')
          }),
        stop,
      }
    },
  }
}

const fillers: Record<Store, (stores: Stores, databaseUrl: string, count: number) => Promise<void>> = {
  async durable(stores, databaseUrl, count) {
    await withPool(databaseUrl, async (pool) => {
      await inRounds(count, async (size) => {
        const ids = Array.from({ length: size }, () => randomUUID())
        await pool.query(
          "INSERT INTO jobs (id, user_id, task, payload, state) SELECT id, 'bench', 'echo', $2, 'queued' FROM unnest($1::uuid[]) AS t(id)",
          [ids, payload],
        )
        await addBulk(stores, ids)
      })
      await pool.query('VACUUM ANALYZE jobs')
    })
  },
  async redis(stores, _databaseUrl, count) {
    await inRounds(count, (size) =>
      addBulk(
        stores,
        Array.from({ length: size }, () => randomUUID()),
      ),
    )
  },
  async 'pg-boss'(_stores, databaseUrl, count) {
    const boss = new PgBoss({ connectionString: databaseUrl, max: 2 })
    await boss.start()
    await boss.createQueue('echo').catch(() => undefined)
    await inRounds(count, (size) =>
      boss.insert(
        'echo',
        Array.from({ length: size }, () => ({ data: payload })),
      ),
    )
    await boss.stop({ graceful: false })
  },
  async 'graphile-worker'(_stores, databaseUrl, count) {
    await withPool(databaseUrl, async (pool) => {
      const utils = await makeWorkerUtils({ pgPool: pool })
      await utils.migrate()
      await inRounds(count, (size) =>
        pool.query("SELECT graphile_worker.add_job('echo', $1) FROM generate_series(1, $2)", [payload, size]),
      )
      await utils.release()
    })
  },
}

async function addBulk(stores: Stores, ids: string[]): Promise<void> {
  const queue = new Queue('jobs', { connection: stores.redis })
  await queue.addBulk(
    ids.map((jobId) => ({
      name: 'echo',
      data: payload,
      opts: { jobId, removeOnComplete: 1000, attempts: 3 },
    })),
  )
  await queue.close()
}

async function inRounds(count: number, round: (size: number) => Promise<unknown>): Promise<void> {
  for (let left = count; left > 0; left -= 2000) await round(Math.min(2000, left))
}

async function withPool(databaseUrl: string, work: (pool: pg.Pool) => Promise<unknown>): Promise<void> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 })
  try {
    await work(pool)
  } finally {
    if (!pool.ended) await pool.end()
  }
}
