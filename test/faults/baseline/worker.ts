/* BullMQ's own worker with its own retries and its own check for stalled jobs, running the tasks of the workload. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Job, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { inheritedEnvironment } from '../process-environment.ts'
import { readBaselineSettings } from './baseline-environment.ts'
import { type BaselineJob, queueName } from './baseline-job.ts'

const { redisUrl, concurrency, lockMs } = readBaselineSettings()
const connection = new Redis(redisUrl, { maxRetriesPerRequest: null })
connection.on('error', () => {})

async function run(job: Job<BaselineJob>): Promise<unknown> {
  const { task, payload, expiresAt } = job.data
  if (expiresAt !== undefined && new Date(expiresAt) < new Date()) return 'expired'
  if (task === 'sleep') await sleep((payload as { ms: number }).ms)
  if (task === 'command') await runCommand((payload as { argv: string[] }).argv, job)
  return payload
}

async function runCommand([program = '', ...args]: string[], job: Job<BaselineJob>): Promise<void> {
  const take = String(job.attemptsStarted)
  const marks = { NOODLE_JOB_ID: job.id ?? '', NOODLE_ATTEMPT: take, NOODLE_FENCE: take }
  const child = spawn(program, args, { env: { ...inheritedEnvironment(), ...marks }, stdio: 'ignore' })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`It ended with ${String(code)}.`)
}

const worker = new Worker<BaselineJob>(queueName, run, {
  connection,
  concurrency,
  lockDuration: lockMs,
  stalledInterval: lockMs,
  // Its default of 1 gives up a job whose worker died twice; the platform's limit is 3 too.
  maxStalledCount: 3,
})
worker.on('error', () => {})
void worker.waitUntilReady().then(() => process.send?.({ ready: true }))

process.on('SIGTERM', () => void worker.close().then(() => process.exit(0)))
process.on('disconnect', () => process.exit(0))
