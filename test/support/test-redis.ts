import { Redis } from 'ioredis'
import { cleanUp } from './clean-up.ts'
import { jestWorker, testServers, withDatabase } from './servers.ts'
import { waitFor } from './wait-for.ts'

/** How long the server may take to notice that a connection was closed. */
const closingMs = 2000

const ownName = 'test-support'

let isPrepared = false

/**
 * The URL of this worker's Redis index, flushed. The same one for all calls of a test; called in `beforeAll`, for all tests of the file. A
 * connection that is still open at the end fails the test. Channels are not per index: what other workers publish is heard here too.
 */
export async function testRedis(): Promise<string> {
  const index = jestWorker() - 1
  const url = withDatabase(testServers().redisUrl, String(index))
  if (isPrepared) return url
  await connected(url, (redis) => redis.flushdb())
  isPrepared = true
  cleanUp(async () => {
    isPrepared = false
    await connected(testServers().redisUrl, (redis) => expectNoConnections(redis, index))
  })
  return url
}

async function expectNoConnections(redis: Redis, index: number): Promise<void> {
  const open = async () =>
    String(await redis.client('LIST'))
      .split('\n')
      .map((line) => new Map(line.split(' ').map((field) => field.split('=', 2) as [string, string])))
      .filter((client) => client.get('db') === String(index) && client.get('name') !== ownName)
  await waitFor(async () => (await open()).length === 0, { timeoutMs: closingMs }).catch(async () => {
    const left = await open()
    for (const client of left) await redis.client('KILL', 'ID', Number(client.get('id'))) // the next test is innocent
    const lines = left.map(
      (client) => `  ${client.get('name') ?? ''}: last command ${client.get('cmd') ?? ''}`,
    )
    throw new Error(`Connections to Redis were left open; close them by cleanUp(…):\n${lines.join('\n')}`)
  })
}

async function connected<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, {
    connectionName: ownName,
    lazyConnect: true,
    maxRetriesPerRequest: 1,
    retryStrategy: () => null,
  })
  await redis.connect()
  try {
    return await work(redis)
  } finally {
    await redis.quit()
  }
}
