/*
 * What one would write with Express and BullMQ alone, with the calls that the workload makes: one `queue.add` a request, acknowledged when Redis has it.
 * An idempotency key is the job's id, so that BullMQ itself takes no job twice.
 */
import { randomUUID } from 'node:crypto'
import { Queue } from 'bullmq'
import express, { type NextFunction, type Request, type Response } from 'express'
import { Redis } from 'ioredis'
import { readBaselineSettings } from './baseline-environment.ts'
import { type BaselineJob, queueName } from './baseline-job.ts'

const { redisUrl, port } = readBaselineSettings()
const connection = new Redis(redisUrl, {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 1,
  commandTimeout: 2000,
})
connection.on('error', () => {})
const queue = new Queue<BaselineJob>(queueName, { connection })
queue.on('error', () => {})

interface Body {
  task: string
  payload: unknown
  expiresAt?: string
  delayMs?: number
  retry: { maxAttempts: number; backoffMs: number }
  idempotencyKey?: string
}

async function add(
  { task, payload, expiresAt, delayMs, retry }: Body,
  key: string | undefined,
): Promise<string> {
  const job = await queue.add(
    task,
    { task, payload, ...(expiresAt !== undefined && { expiresAt }) },
    {
      jobId: key ?? randomUUID(),
      attempts: retry.maxAttempts,
      backoff: { type: 'fixed', delay: retry.backoffMs },
      ...(delayMs !== undefined && { delay: delayMs }),
    },
  )
  return job.id ?? ''
}

const states: Record<string, string> = { completed: 'succeeded', failed: 'failed', active: 'running' }

const app = express()
app.use(express.json({ limit: '1mb' }))
app.post('/v1/auth/token', (_request, response) => {
  response.json({ accessToken: 'none' })
})
app.post('/v1/jobs', async (request, response) => {
  response.status(202).json({ id: await add(request.body as Body, request.header('Idempotency-Key')) })
})
app.post('/v1/jobs/batch', async (request, response) => {
  const { jobs } = request.body as { jobs: Body[] }
  const ids = await Promise.all(jobs.map((job) => add(job, job.idempotencyKey)))
  response.status(202).json({ results: ids.map((id) => ({ id })) })
})
app.get('/v1/jobs/:id', async (request, response) => {
  const job = await queue.getJob(request.params.id)
  if (!job) response.status(404).json({})
  else response.json({ attempt: job.attemptsStarted, state: states[await job.getState()] ?? 'pending' })
})
app.post('/v1/jobs/:id/cancel', async (request, response) => {
  const job = await queue.getJob(request.params.id)
  if (!job) response.status(404).json({})
  else
    await job.remove().then(
      () => response.json({ state: 'cancelled' }),
      () => response.status(202).json({}), // it runs
    )
})
app.use((_error: unknown, _request: Request, response: Response, _next: NextFunction) => {
  response.status(503).set('Retry-After', '1').json({})
})

app.listen(port, '127.0.0.1', () => process.send?.({ ready: true }))
process.on('SIGTERM', () => process.exit(0))
process.on('disconnect', () => process.exit(0))
