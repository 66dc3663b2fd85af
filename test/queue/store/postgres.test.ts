import { expect, test } from '@jest/globals'
import { silentLogger } from '../../../core/logger.ts'
import { openPostgres } from '../../../queue/store/postgres.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { openSwitchingProxy } from '../../support/switching-proxy.ts'
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

test('who is undone because two wait for each other is told to try again', async () => {
  const postgres = openPostgres({
    ...{
      databaseUrl: await testDatabase(),
      poolSize: 2,
      statementTimeoutMs: 5000,
      name: 'test',
      log: silentLogger,
    },
  })
  cleanUp(() => postgres.close())
  await postgres.query('CREATE TABLE pair AS SELECT id FROM generate_series(0, 1) AS ids(id)')
  const { promise: bothHold, resolve } = Promise.withResolvers<undefined>()
  let holding = 0
  const lockBoth = (from: number) =>
    postgres.transaction(async (query) => {
      await query('SELECT FROM pair WHERE id = $1 FOR UPDATE', [from])
      if (++holding === 2) resolve(undefined)
      await bothHold
      await query('SELECT FROM pair WHERE id = $1 FOR UPDATE', [1 - from])
    })
  const ends = await Promise.allSettled([lockBoth(0), lockBoth(1)])
  expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect(ends.find(({ status }) => status === 'rejected')).toMatchObject({
    reason: { code: 'POSTGRES_UNAVAILABLE' },
  })
})

test('a statement, and a transaction, whose connection has gone deaf are given up, and what comes next gets another one', async () => {
  const url = new URL(await testDatabase())
  const { address, goDeaf } = await openSwitchingProxy(url.host)
  url.host = address
  const postgres = openPostgres({
    ...{ databaseUrl: url.href, poolSize: 2, statementTimeoutMs: 100, name: 'test', log: silentLogger },
  })
  cleanUp(() => postgres.close())
  const openOne = () => postgres.query('SELECT pg_sleep(0.05)')
  await Promise.all([openOne(), openOne()])
  const statement = Promise.withResolvers<unknown>()
  const transaction = postgres.transaction(async (query) => {
    await query('UPDATE platform SET epoch = 77')
    goDeaf()
    statement.resolve(postgres.query('SELECT 1'))
    await query('SELECT 1')
  })
  const unavailable = { code: 'POSTGRES_UNAVAILABLE' }
  await Promise.all([
    expect(transaction).rejects.toMatchObject(unavailable),
    expect(statement.promise).rejects.toMatchObject(unavailable),
  ])
  expect(await postgres.query('SELECT FROM platform WHERE epoch = 77')).toEqual([])
})
