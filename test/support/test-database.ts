import { cleanUp } from './clean-up.ts'
import { jestWorker, testServers, withDatabase } from './servers.ts'
import { connected, resetTables, templateDatabase } from './template-database.ts'
import { waitFor } from './wait-for.ts'

/** How long the server may take to notice that a connection was closed. */
const closingMs = 2000

let isPrepared = false
let blankDatabases = 0

/**
 * The URL of this worker's database: migrated, and empty but for what migrations put there. The same one for all calls of a test; called in
 * `beforeAll`, for all tests of the file. A connection that is still open at the end fails the test.
 */
export async function testDatabase(): Promise<string> {
  const { postgresUrl } = testServers()
  const name = `noodle_test_${String(jestWorker())}`
  const url = withDatabase(postgresUrl, name)
  if (isPrepared) return url
  await connected(postgresUrl, async (admin) => {
    const { rowCount } = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])
    if (rowCount === 0) await admin.query(`CREATE DATABASE ${name} TEMPLATE ${templateDatabase}`)
  })
  await resetTables(url)
  isPrepared = true
  cleanUp(async () => {
    isPrepared = false
    await expectNoConnections(postgresUrl, name)
  })
  return url
}

/** The URL of a database of its own with nothing in it, not even a schema, for tests of the migrations. It is gone after the test. */
export async function blankDatabase(): Promise<string> {
  const { postgresUrl } = testServers()
  const name = `noodle_blank_${String(process.pid)}_${String(blankDatabases++)}`
  await connected(postgresUrl, (admin) => admin.query(`CREATE DATABASE ${name} TEMPLATE template0`))
  cleanUp(() => connected(postgresUrl, (admin) => admin.query(`DROP DATABASE ${name} WITH (FORCE)`)))
  return withDatabase(postgresUrl, name)
}

async function expectNoConnections(postgresUrl: string, database: string): Promise<void> {
  await connected(postgresUrl, async (admin) => {
    const open = async () => {
      const { rows } = await admin.query<{ name: string; query: string }>(
        'SELECT application_name AS name, query FROM pg_stat_activity WHERE datname = $1',
        [database],
      )
      return rows
    }
    await waitFor(async () => (await open()).length === 0, { timeoutMs: closingMs }).catch(async () => {
      const lines = (await open()).map(({ name, query }) => `  ${name}: ${query.slice(0, 100)}`)
      await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [
        database,
      ]) // the next test is innocent
      throw new Error(
        `Connections to Postgres were left open; close them by cleanUp(…):\n${lines.join('\n')}`,
      )
    })
  })
}
