import { expect, test } from '@jest/globals'
import { ownRedis } from '../../support/own-servers.ts'
import { openTestQueue, submit } from '../../support/test-queue.ts'
import { waitFor } from '../../support/wait-for.ts'

test('while Redis is away, who submits and who cancels is heard through Postgres, and through Redis again afterwards', async () => {
  const redis = await ownRedis()
  const { deps } = await openTestQueue({}, { redisUrl: redis.url })
  const heard: string[] = []
  const toldOf: (readonly string[])[] = []
  await deps.signals.onSubmitted((tiers) => {
    heard.push('submitted')
    toldOf.push(tiers)
  })
  await deps.signals.onSubmittedWithoutRedis(() => heard.push('without Redis'))
  await deps.signals.onCancel('node-1', (id) => heard.push(`cancel ${id}`))

  await submit(deps)
  await waitFor(() => heard.includes('submitted'))
  expect(toldOf).toEqual([['small']])
  expect(heard).not.toContain('without Redis')

  await redis.stop()
  await waitFor(() => heard.includes('without Redis')) // told once that notices may have been missed
  heard.length = 0
  await submit(deps)
  await waitFor(() => heard.includes('submitted') && heard.includes('without Redis'))
  deps.signals.tellCancel('node-1', 'job-1')
  await waitFor(() => heard.includes('cancel job-1'))

  await redis.start()
  await waitFor(async () => {
    heard.length = 0
    await submit(deps)
    await new Promise((resolve) => setTimeout(resolve, 50))
    return heard.includes('submitted') && !heard.includes('without Redis')
  })
})
