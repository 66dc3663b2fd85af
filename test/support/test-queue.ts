import { makeBatch } from '../../core/batch.ts'
import { silentLogger } from '../../core/logger.ts'
import { makeMetrics } from '../../core/metrics.ts'
import { readConfig } from '../../core/config.ts'
import type { ClaimedJob, JobSpec } from '../../queue/domain/job.ts'
import type { Actor } from '../../queue/domain/user.ts'
import { openQueue, queueOptions } from '../../queue/open-queue.ts'
import type { Accepted, NewJob } from '../../queue/store/jobs/accept.ts'
import { isRowFault } from '../../queue/store/postgres.ts'
import { claimJob } from '../../queue/use-cases/claim-job.ts'
import { makeDispatchRounds } from '../../queue/use-cases/dispatch-jobs.ts'
import { makeFleetView } from '../../queue/use-cases/fleet.ts'
import { submitJob } from '../../queue/use-cases/submit-jobs.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { cleanUp } from './clean-up.ts'
import { testBlobDir } from './test-blobs.ts'
import { testDatabase } from './test-database.ts'
import { testRedis } from './test-redis.ts'

/**
 * The queue on real stores, which closes itself after the test. Jobs wait for `dispatchJobs`, so that a test sees each step; with `hasFastPath` they go
 * straight to free slots, as in a gateway.
 */
export async function openTestQueue(
  settings: Partial<QueueDeps['settings']> = {},
  options: { redisUrl?: string; hasFastPath?: boolean; env?: Record<string, string> } = {},
): Promise<{ deps: QueueDeps; databaseUrl: string; redisUrl: string }> {
  const [databaseUrl, redisUrl] = [await testDatabase(), options.redisUrl ?? (await testRedis())]
  const config = readConfig(queueOptions, {
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    BLOB_DIR: testBlobDir(),
    ...options.env,
    ...(settings.crashLimit !== undefined && { CRASH_LIMIT: String(settings.crashLimit) }), // claims know it from here
  })
  const queue = await openQueue(config, { name: 'test', log: silentLogger, metrics: makeMetrics() })
  cleanUp(() => queue.close())
  const { jobs } = queue.deps
  const acceptBatch = options.hasFastPath
    ? queue.deps.acceptBatch
    : makeBatch<NewJob, Accepted>({ write: (items) => jobs.accept(items), isItemFault: isRowFault })
  const deps = { ...queue.deps, acceptBatch, settings: { ...queue.deps.settings, ...settings } }
  return { deps, databaseUrl, redisUrl }
}

export const alice: Actor = {
  userId: '00000000-0000-7000-8000-00000000000a',
  username: 'alice',
  role: 'user',
  tenant: 'wonderland',
}
export const bob: Actor = {
  userId: '00000000-0000-7000-8000-00000000000b',
  username: 'bob',
  role: 'user',
  tenant: 'builders',
}

/** A submission that is checked already. */
export function aJob(fields: Partial<JobSpec> = {}): JobSpec {
  return {
    task: 'echo',
    payload: { hello: 'world' },
    tier: 'small',
    resources: { cpu: 0, memoryMb: 0, gpu: 0 },
    priority: 5,
    runAt: null,
    delayMs: 0,
    timeoutMs: 60_000,
    expiresAt: null,
    retry: { maxAttempts: 3, backoffMs: 0, strategy: 'fixed' },
    labels: {},
    replayOf: null,
    ...fields,
  }
}

export async function submit(
  deps: QueueDeps,
  fields: Partial<JobSpec> = {},
  actor: Actor = alice,
): Promise<string> {
  return (await submitJob(deps, actor, { spec: aJob(fields), idempotency: null })).job.id
}

/** Registers a node and answers with its boot id. */
export async function aNode(deps: QueueDeps, id = `node-${deps.newId()}`, leaseMs = 60_000): Promise<string> {
  const bootId = deps.newId()
  const node = {
    id,
    bootId,
    tiers: ['small'],
    cpus: 2,
    memoryMb: 4096,
    gpus: 0,
    concurrency: 10,
    version: '0',
    tasks: [],
  }
  if (!(await deps.nodes.register(node, leaseMs))) throw new Error(`Node ${id} is live already.`)
  return bootId
}

/** Submits a job and brings it to running on the boot. */
export async function aRunningJob(
  deps: QueueDeps,
  bootId: string,
  fields: Partial<JobSpec> = {},
): Promise<ClaimedJob> {
  const id = await submit(deps, fields)
  await dispatchJobs(deps)
  const job = await claimJob(deps, bootId, { id, seq: 1 })
  if (!job) throw new Error(`Job ${id} could not be claimed.`)
  return job
}

export async function stateOf(deps: QueueDeps, id: string): Promise<string | undefined> {
  return (await deps.jobs.find(id, null))?.state
}

export async function statesOf(deps: QueueDeps, id: string): Promise<string[]> {
  return (await deps.jobs.listEvents(id)).map((event) => event.state)
}

/** One round of a dispatcher that has just begun. */
export const dispatchJobs = (deps: QueueDeps): Promise<number | undefined> =>
  makeDispatchRounds(deps, makeFleetView(deps)).run()
