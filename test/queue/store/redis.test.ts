import { expect, test } from '@jest/globals'
import { openRedisProxy } from '../../support/redis-proxy.ts'
import { openTestQueue } from '../../support/test-queue.ts'
import { testRedis } from '../../support/test-redis.ts'
import { waitFor } from '../../support/wait-for.ts'

test('a connection to Redis that died without a word is given up for a new one', async () => {
  const proxy = await openRedisProxy(await testRedis())
  const { deps } = await openTestQueue({}, { redisUrl: proxy.url })
  expect(await deps.deliveries.ping()).toBe(true)
  proxy.goDeaf()
  expect(await deps.deliveries.ping()).toBe(false)
  await waitFor(() => deps.deliveries.ping())
})
