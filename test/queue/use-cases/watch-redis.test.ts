import { execFileSync } from 'node:child_process'
import { renameSync, rmSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import { makeRedisWatcher } from '../../../ops/roles/redis-watcher.ts'
import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'
import { redeliverLost } from '../../../queue/use-cases/redeliver-lost.ts'
import { watchRedis } from '../../../queue/use-cases/watch-redis.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { ownRedis, type OwnServer } from '../../support/own-servers.ts'
import { connected } from '../../support/template-database.ts'
import { dispatchJobs, openTestQueue, submit } from '../../support/test-queue.ts'
import { waitFor } from '../../support/wait-for.ts'

/** A queue with a Redis of its own, and a process that watches it. */
async function openWatched() {
  const redis = await ownRedis()
  const queue = await openTestQueue({}, { redisUrl: redis.url })
  const { deps } = queue
  const holder = deps.newId()
  const sql = (statement: string) => connected(queue.databaseUrl, (client) => client.query(statement))
  return {
    ...queue,
    redis,
    sql,
    holder,
    watch: (by = holder) => watchRedis(deps, by),
    /** A queued job with its delivery in Redis. */
    async aQueuedJob() {
      const id = await submit(deps)
      await dispatchJobs(deps)
      return id
    },
    async removeDelivery(jobId: string) {
      const entries = await deps.deliveries.queueOf('small').getJobs(['prioritized'])
      await entries.find(({ data }) => data.jobs[0]?.id === jobId)?.remove()
    },
    losses: async () => (await deps.metrics.redisLosses.get()).values[0]?.value,
  }
}

async function empty(redis: OwnServer): Promise<void> {
  const client = new Redis(redis.url)
  cleanUp(() => client.disconnect())
  await client.flushall()
}

/** The numbers of the deliveries that wait in Redis, by job id. */
async function waiting(deps: QueueDeps): Promise<Record<string, number[]>> {
  const entries = await deps.deliveries.queueOf('small').getJobs(['prioritized', 'waiting', 'delayed'])
  const numbers: Record<string, number[]> = {}
  for (const { id, seq } of entries.flatMap(({ data }) => data.jobs)) (numbers[id] ??= []).push(seq)
  return numbers
}

async function redeliverAll(deps: QueueDeps, doubt: Awaited<ReturnType<typeof watchRedis>>): Promise<number> {
  if (!doubt) return 0
  let rounds = 0
  while ((await redeliverLost(deps, doubt, 2)) > 0) rounds++
  return rounds
}

test('what an emptied Redis had is delivered again at once, what came after it is not doubled, and then there is no doubt any more', async () => {
  const { deps, redis, watch, aQueuedJob, losses } = await openWatched()
  const lost = [await aQueuedJob(), await aQueuedJob(), await aQueuedJob()]
  for (const _ of lost) expect(await watch()).toBeNull()
  await empty(redis)
  const later = await aQueuedJob()
  expect(await waiting(deps)).toEqual({ [later]: [1] })

  const doubt = await watch()
  expect(await redeliverAll(deps, doubt)).toBe(2)
  expect(await waiting(deps)).toEqual({ ...Object.fromEntries(lost.map((id) => [id, [2]])), [later]: [1] })
  expect(await watch()).toBeNull()
  expect(await losses()).toBe(1)
})

test('a Redis that fell back to an older state puts what was sent since then in doubt, and nothing before', async () => {
  const { deps, redis, watch, aQueuedJob, removeDelivery, sql, losses } = await openWatched()
  const kept = await aQueuedJob()
  await removeDelivery(await aQueuedJob()) // long ago: a matter of the reconciler
  await sql("UPDATE jobs SET dispatched_at = now() - interval '1 minute'")
  await watch()
  await watch()
  await redis.stop()
  execFileSync('cp', ['-a', redis.data, `${redis.data}.older`])
  await redis.start()
  await waitFor(() => deps.deliveries.ping())
  await watch()
  const lost = await aQueuedJob()
  expect(await waiting(deps)).toEqual({ [kept]: [1], [lost]: [1] })

  await redis.stop()
  rmSync(redis.data, { recursive: true })
  renameSync(`${redis.data}.older`, redis.data)
  await redis.start()
  await waitFor(() => deps.deliveries.ping())
  expect(await waiting(deps)).toEqual({ [kept]: [1] })
  await redeliverAll(deps, await watch())
  expect(await waiting(deps)).toEqual({ [kept]: [1], [lost]: [2] })
  expect(await losses()).toBe(1)
})

test('a Redis whose count is older than what is remembered puts everything in doubt', async () => {
  const { deps, watch, aQueuedJob, redis, sql } = await openWatched()
  await watch()
  await watch()
  await empty(redis)
  await deps.redisCounter.raise(1)
  await sql('UPDATE redis_counts SET count = count + 1000')
  await sql('UPDATE redis_watch SET count = count + 1000')
  await aQueuedJob()
  await sql("UPDATE jobs SET dispatched_at = now() - interval '1 day'")
  expect(await redeliverAll(deps, await watch())).toBe(1)
})

test('one process of several watches; when it is gone another goes on with what is in doubt', async () => {
  const { deps, redis, watch, aQueuedJob, sql } = await openWatched()
  const lost = await aQueuedJob()
  const [first, second] = [deps.newId(), deps.newId()]
  await watch(first)
  await empty(redis)
  expect(await Promise.all([watch(second), watch(second)])).toEqual([null, null])
  expect(await watch(first)).not.toBeNull()
  expect(await watch(second)).toBeNull()

  await sql("UPDATE redis_watch SET held_until = now() - interval '1 second'")
  await redeliverAll(deps, await watch(second))
  expect(await waiting(deps)).toEqual({ [lost]: [2] })
})

test('a loss that could not be written down is noticed again', async () => {
  const { deps, holder, redis, watch, aQueuedJob } = await openWatched()
  const lost = await aQueuedJob()
  await watch()
  await watch()
  await empty(redis)
  const doubtSinceCount = () => Promise.reject(new Error('cut'))
  await expect(
    watchRedis({ ...deps, redisWatch: { ...deps.redisWatch, doubtSinceCount } }, holder),
  ).rejects.toThrow('cut')
  await redeliverAll(deps, await watch())
  expect(await waiting(deps)).toEqual({ [lost]: [2] })
})

test('what was dispatched while Redis was away is looked for once it is back, which is no loss', async () => {
  const { deps, watch, aQueuedJob, removeDelivery, sql, losses } = await openWatched()
  await watch()
  await sql("UPDATE redis_watch SET counted_at = now() - interval '10 seconds'")
  const id = await aQueuedJob()
  await removeDelivery(id)
  await redeliverAll(deps, await watch())
  expect(await waiting(deps)).toEqual({ [id]: [2] })
  expect(await losses()).toBe(0)
})

test('when Redis fails under the sending, what was being sent is in doubt again', async () => {
  const { deps, redis, watch, aQueuedJob } = await openWatched()
  const lost = await aQueuedJob()
  await watch()
  await empty(redis)
  const doubt = await watch()
  const failing = {
    ...deps,
    deliveries: { ...deps.deliveries, send: () => Promise.reject(new Error('cut')) },
  }
  await expect(redeliverAll(failing, doubt)).rejects.toThrow('cut')
  expect(await waiting(deps)).toEqual({})
  await redeliverAll(deps, await watch())
  expect(await waiting(deps)).toEqual({ [lost]: [3] })
})

test('a job that somebody is about to claim holds up nobody, whether its delivery is there or not', async () => {
  const { deps, databaseUrl, redis, watch, aQueuedJob } = await openWatched()
  const lost = [await aQueuedJob(), await aQueuedJob()]
  await watch()
  await empty(redis)
  const alive = [await aQueuedJob(), await aQueuedJob()]
  const doubt = await watch()
  await connected(databaseUrl, async (client) => {
    await client.query('BEGIN')
    await client.query('SELECT FROM jobs WHERE id = ANY($1) FOR UPDATE', [[lost[0], alive[0]]])
    if (doubt) expect(await redeliverLost(deps, doubt, 10)).toBe(4)
    await client.query('ROLLBACK')
  })
  await redeliverAll(deps, doubt)
  const [[first = '', second = ''], [third = '', fourth = '']] = [lost, alive]
  expect(await waiting(deps)).toEqual({ [first]: [2], [second]: [2], [third]: [1], [fourth]: [1] })
})

test('the role fills an emptied Redis again by itself', async () => {
  const { deps, redis, aQueuedJob, sql } = await openWatched()
  const lost = [await aQueuedJob(), await aQueuedJob()]
  const watcher = makeRedisWatcher(deps)
  cleanUp(() => watcher.stop())
  await watcher.start()
  await waitFor(async () => (await sql('SELECT FROM redis_counts')).rowCount)
  await empty(redis)
  await waitFor(async () => Object.keys(await waiting(deps)).length === lost.length)
})
