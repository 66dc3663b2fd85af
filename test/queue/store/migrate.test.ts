import { connect, createServer, type Socket } from 'node:net'
import { expect, test } from '@jest/globals'
import { silentLogger } from '../../../core/logger.ts'
import { listMigrations, migrate, migrateWhenUp } from '../../../queue/store/migrate.ts'
import { listen } from '../../support/listen.ts'
import { blankDatabase } from '../../support/test-database.ts'

test('of several processes that start at once, one migrates and the others find it done', async () => {
  const url = await blankDatabase()
  const reports = await Promise.all([migrate(url), migrate(url), migrate(url)])
  expect(reports.flatMap(({ applied }) => applied)).toEqual(listMigrations())
  expect(reports.map(({ total }) => total)).toEqual(reports.map(() => listMigrations().length))
})

test('migrating twice changes nothing', async () => {
  const url = await blankDatabase()
  await migrate(url)
  expect(await migrate(url)).toMatchObject({ applied: [] })
})

test('a process that starts while Postgres does not answer waits for it', async () => {
  const url = new URL(await blankDatabase())
  const { hostname, port } = url
  const open: Socket[] = []
  const server = createServer((client) => {
    open.push(client)
    if (open.length === 1) return // nobody answers the first one
    const postgres = connect(Number(port), hostname)
    client
      .on('error', () => undefined)
      .on('close', () => postgres.destroy())
      .pipe(postgres.on('error', () => undefined))
      .pipe(client)
  })
  url.host = (await listen(server)).address
  url.searchParams.set('connectionTimeoutMillis', '200')
  await migrateWhenUp(url.href, silentLogger)
  expect(await migrate(url.href)).toMatchObject({ applied: [] })
  expect(open.length).toBeGreaterThan(1)
})
