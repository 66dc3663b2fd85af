/*
 * The gateway that one writes in an afternoon: Express, jsonwebtoken, an INSERT and an add per request. STORE says what a submission does:
 * durable (row, then BullMQ), redis (BullMQ alone), pg-boss, graphile-worker.
 */
import { randomUUID } from 'node:crypto'
import { Queue } from 'bullmq'
import express from 'express'
import { makeWorkerUtils } from 'graphile-worker'
import { Redis } from 'ioredis'
import jwt from 'jsonwebtoken'
import pg from 'pg'
import { PgBoss } from 'pg-boss'

const { STORE = '', DATABASE_URL = '', REDIS_URL = '', JWT_SECRET = '' } = process.env

type Submit = (task: string, payload: unknown, user: string) => Promise<string>

const makers: Record<string, () => Promise<Submit>> = {
  async durable() {
    const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 10 })
    const queue = new Queue('jobs', { connection: new Redis(REDIS_URL) })
    return async (task, payload, user) => {
      const id = randomUUID()
      await pool.query('INSERT INTO jobs (id, user_id, task, payload, state) VALUES ($1, $2, $3, $4, $5)', [
        ...[id, user, task, payload],
        'queued',
      ])
      await queue.add(task, payload, { jobId: id, removeOnComplete: 1000, attempts: 3 })
      return id
    }
  },
  async redis() {
    const queue = new Queue('jobs', { connection: new Redis(REDIS_URL) })
    return async (task, payload) => {
      const job = await queue.add(task, payload, { removeOnComplete: 1000, attempts: 3 })
      return job.id ?? ''
    }
  },
  async 'pg-boss'() {
    const boss = new PgBoss({ connectionString: DATABASE_URL, max: 10 })
    await boss.start()
    await boss.createQueue('echo').catch(() => undefined)
    return async (task, payload) => (await boss.send(task, payload as object)) ?? ''
  },
  async 'graphile-worker'() {
    const utils = await makeWorkerUtils({ pgPool: new pg.Pool({ connectionString: DATABASE_URL, max: 10 }) })
    await utils.migrate()
    return async (task, payload) => (await utils.addJob(task, payload)).id
  },
}

const submit = await makers[STORE]?.()
if (!submit) throw new Error(`STORE=${STORE}`)

const app = express()
app.use(express.json({ limit: '1mb' }))
app.use((request, response, next) => {
  try {
    const token = request.get('Authorization')?.slice('Bearer '.length) ?? ''
    response.locals.user = jwt.verify(token, JWT_SECRET, { algorithms: ['HS256'] }).sub
    next()
  } catch {
    response.status(401).json({ error: 'unauthorized' })
  }
})
app.post('/jobs', async (request, response) => {
  const { task, payload } = request.body as { task: string; payload: unknown }
  if (typeof task !== 'string') {
    response.status(400).json({ error: 'task must be a string' })
    return
  }
  const id = await submit(task, payload, response.locals.user as string)
  response.status(202).json({ id, task, state: 'queued' })
})
const server = app.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.send?.({ port: typeof address === 'object' ? address?.port : 0 })
})
