import { expect, test } from '@jest/globals'
import { silentLogger } from '../../../core/logger.ts'
import { openPostgres } from '../../../queue/store/postgres.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { connected } from '../../support/template-database.ts'
import { testDatabase } from '../../support/test-database.ts'
import { waitFor } from '../../support/wait-for.ts'

test('a connection that breaks between two statements of a transaction undoes it, and breaks nothing else', async () => {
  const databaseUrl = await testDatabase()
  const postgres = openPostgres({
    ...{ databaseUrl, poolSize: 2, statementTimeoutMs: 5000, name: 'test', log: silentLogger },
    inspect: undefined,
  })
  cleanUp(() => postgres.close())
  const work = postgres.transaction(async (query) => {
    const [own] = await query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    await query('UPDATE platform SET epoch = 77')
    await connected(databaseUrl, async (client) => {
      await client.query('SELECT pg_terminate_backend($1)', [own?.pid])
      // No statement is under way when the end is heard.
      await waitFor(async () => {
        const { rows } = await client.query('SELECT FROM pg_stat_activity WHERE pid = $1', [own?.pid])
        return rows.length === 0
      })
    })
    await query('SELECT 1')
  })
  await expect(work).rejects.toMatchObject({ code: 'POSTGRES_UNAVAILABLE' })
  expect(await postgres.query('SELECT FROM platform WHERE epoch = 77')).toEqual([])
})
