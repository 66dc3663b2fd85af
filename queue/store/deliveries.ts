import { setTimeout as delay } from 'node:timers/promises'
import { DelayedError, type Job as BullJob, Queue, type QueueOptions, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import type { Logger } from '../../core/logger.ts'
import type { Delivery, DeliveryEnd } from '../domain/delivery.ts'
import { noResources, type Resources } from '../domain/job.ts'
import { findHeldJobs } from './held-jobs.ts'
import type { DispatchedJob } from './jobs/dispatch.ts'
import { redisUnavailable } from './redis.ts'
import { bullPrefix } from './redis-keys.ts'

/** What stands in Redis for a delivery: ids, and what Bull Board shows. Never a payload. */
export interface DeliveryData {
  /** Format of this object. */
  v: 1
  task: string
  jobs: { id: string; seq: number }[]
  tenant: string
  /** Its one job must run alone. */
  alone?: true
  /** What each of its jobs asks for; absent for nothing. */
  need?: Resources
}

/** Entries of each kind that BullMQ keeps after their end, for Bull Board only. */
const keptEntries = 300

/** How long a closing consumer may take to tell Redis about the deliveries that it had; what it can't tell comes again by itself. */
const closeDeadlineMs = 2000

export interface Consumer {
  /** Changes how many deliveries may be in hand at once. */
  setConcurrency(deliveries: number): void
  /** Takes no more deliveries, waits as long as those in hand are handled, and resolves soon after, also while Redis is away. Twice is harmless. */
  close(): Promise<void>
  /** True while it is connected and asks for deliveries. */
  isRunning(): boolean
}

export interface Deliveries {
  /** Puts deliveries into the tier's queue, in one round trip; jobs with the same delivery id share one. @throws REDIS_UNAVAILABLE: some may have arrived */
  send(tier: string, jobs: readonly DispatchedJob[]): Promise<void>
  /** Those of the delivery ids that still wait or are held by a worker. @throws REDIS_UNAVAILABLE */
  findLive(tier: string, deliveryIds: readonly string[]): Promise<Set<string>>
  /** Ids of the jobs that those of the deliveries carry which still wait or are held by a worker. @throws REDIS_UNAVAILABLE */
  findHeldJobs(tier: string, deliveryIds: readonly string[]): Promise<Set<string>>
  /** Deliveries that a consumer with room could take now. @throws REDIS_UNAVAILABLE */
  countWaiting(tier: string): Promise<number>
  /**
   * Takes deliveries of a tier, at most `concurrency` at once. One that `handle` returns goes back and comes again, to whoever is free; any other,
   * also when `handle` throws, is forgotten: the rows own the progress.
   */
  consume(tier: string, concurrency: number, handle: (delivery: Delivery) => Promise<DeliveryEnd>): Consumer
  /** BullMQ's own queue of a tier, for Bull Board, which only reads it. */
  queueOf(tier: string): Queue<DeliveryData>
  /** True when Redis answers. */
  ping(): Promise<boolean>
  /** True while there is a connection, as far as this process knows. */
  isConnected(): boolean
  close(): Promise<void>
}

/**
 * `commands` fails fast; `patient` opens a connection of its own for each consumer, which waits for Redis. `lockMs`: how long a delivery stays with a
 * holder that died. The lock tells only that somebody holds the hint.
 */
export function makeDeliveries(
  commands: Redis,
  patient: () => Redis,
  { lockMs, log }: { lockMs: number; log: Logger },
): Deliveries {
  const queues = new Map<string, Queue<DeliveryData>>()

  function queueOf(tier: string): Queue<DeliveryData> {
    let queue = queues.get(tier)
    if (!queue) {
      const options: QueueOptions = {
        connection: commands,
        prefix: bullPrefix(tier),
        skipWaitingForReady: true,
      }
      queue = new Queue<DeliveryData>(tier, options)
      queue.on('error', (error) => log.debug('BullMQ queue error', { tier, error }))
      queues.set(tier, queue)
    }
    return queue
  }

  return {
    queueOf,
    async send(tier, jobs) {
      try {
        const entries = [...Map.groupBy(jobs, (job) => job.deliveryId).values()].map(toEntry)
        const [only, ...others] = entries
        // A pipeline, which addBulk makes, costs more than a delivery: ioredis copies all scripts that it knows to each.
        if (only && others.length === 0) await queueOf(tier).add(only.name, only.data, only.opts)
        else await queueOf(tier).addBulk(entries)
      } catch (error) {
        throw redisUnavailable(error)
      }
    },
    async findLive(tier, deliveryIds) {
      try {
        const states = await Promise.all(deliveryIds.map((id) => queueOf(tier).getJobState(id)))
        return new Set(
          deliveryIds.filter((_, i) => !['completed', 'failed', 'unknown'].includes(states[i] ?? 'unknown')),
        )
      } catch (error) {
        throw redisUnavailable(error)
      }
    },
    async findHeldJobs(tier, deliveryIds) {
      try {
        return await findHeldJobs(queueOf(tier), deliveryIds)
      } catch (error) {
        throw redisUnavailable(error)
      }
    },
    async countWaiting(tier) {
      try {
        return await queueOf(tier).getJobCountByTypes('waiting', 'prioritized')
      } catch (error) {
        throw redisUnavailable(error)
      }
    },
    consume(tier, concurrency, handle) {
      const connection = patient()
      const inHand = new Set<Promise<unknown>>()

      const worker = new Worker<DeliveryData>(
        tier,
        async (job: BullJob<DeliveryData>, token?: string) => {
          const { data, attemptsStarted: timesTaken } = job
          const isAlone = data.alone === true
          const handled = handle({
            ...{ tier, task: data.task, jobs: data.jobs, isAlone, timesTaken },
            need: data.need ?? noResources,
          })
          const settled = handled.catch(() => undefined).finally(() => inHand.delete(settled))
          inHand.add(settled)
          const end = await handled
          if (end === 'done') return
          // Not moveToWait: it wakes nobody for a job with a priority (BullMQ 6.7); an idle worker would see it when its wait of 5 s ends.
          // Nor job.moveToDelayed, which knows no other clock than this machine's.
          const nowMs = await earlierClock(connection)
          const options = { skipAttempt: true }
          await worker.backend.moveToDelayed(job.id ?? '', nowMs, end.returnAfterMs, token, options)
          throw new DelayedError()
        },
        {
          connection,
          prefix: bullPrefix(tier),
          concurrency,
          lockDuration: lockMs,
          stalledInterval: lockMs,
          maxStalledCount: 5,
          drainDelay: 5,
        },
      )
      worker.on('error', (error) => log.debug('BullMQ worker error', { tier, error }))
      worker.on('failed', (job, error) =>
        log.warn('a delivery ended with an error', { tier, delivery: job?.id, error }),
      )
      return {
        setConcurrency(deliveries) {
          if (worker.concurrency !== deliveries) worker.concurrency = deliveries
        },
        async close() {
          const closed = worker.close()
          while (inHand.size > 0) await Promise.all(inHand)
          await Promise.race([closed, delay(closeDeadlineMs, undefined, { ref: false })])
          connection.disconnect() // frees what waits for a Redis that is away
        },
        isRunning: () => worker.isRunning() && !worker.isPaused(),
      }
    },
    async ping() {
      try {
        await commands.ping()
        return true
      } catch {
        return false
      }
    },
    isConnected: () => commands.status === 'ready',
    async close() {
      await Promise.all([...queues.values()].map((queue) => queue.close()))
    },
  }
}

/**
 * Now, by this machine's clock or Redis', whichever is behind. Each consumer wakes what is due by its own clock: with one that is ahead the others would
 * wait for a time to come, and with one that is behind so would this one. Too early does no harm.
 */
async function earlierClock(redis: Redis): Promise<number> {
  const [seconds, microseconds] = await redis.time()
  return Math.min(Date.now(), Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000))
}

/** BullMQ's entry for jobs that share a delivery. */
function toEntry(jobs: readonly DispatchedJob[]): Parameters<Queue<DeliveryData>['addBulk']>[0][number] {
  const [first] = jobs
  if (!first) throw new Error('A delivery without jobs.')
  const { deliveryId, task, tenant, priority, isSuspect, resources } = first
  return {
    name: jobs.length > 1 ? `${String(jobs.length)} × ${task}` : task,
    data: {
      v: 1,
      task,
      tenant,
      jobs: jobs.map(({ id, seq }) => ({ id, seq })),
      ...(isSuspect && { alone: true }),
      ...(resources && { need: resources }),
    },
    opts: {
      jobId: deliveryId,
      // BullMQ runs small numbers first, and those without one before all: ours are 9 (first) to 0.
      priority: 10 - priority,
      attempts: 1,
      removeOnComplete: { count: keptEntries },
      removeOnFail: { count: keptEntries },
    },
  }
}
