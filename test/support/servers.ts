/** The servers that the run started, as every test process sees them. */
export interface TestServers {
  /** The maintenance database, as superuser. */
  postgresUrl: string
  redisUrl: string
}

/** Tells the Jest workers, which start after this, where the servers are. */
export function publishServers(servers: TestServers): void {
  process.env['TEST_POSTGRES_URL'] = servers.postgresUrl
  process.env['TEST_REDIS_URL'] = servers.redisUrl
}

export function testServers(): TestServers {
  const { TEST_POSTGRES_URL: postgresUrl, TEST_REDIS_URL: redisUrl } = process.env
  if (!postgresUrl || !redisUrl)
    throw new Error('No test servers: the run was not started through jest.config.js.')
  return { postgresUrl, redisUrl }
}

/** The number of this Jest worker, from 1. */
export function jestWorker(): number {
  return Number(process.env['JEST_WORKER_ID'] ?? 1)
}

/** The same server, another database (Postgres) or index (Redis). */
export function withDatabase(url: string, database: string): string {
  const result = new URL(url)
  result.pathname = `/${database}`
  return result.href
}
