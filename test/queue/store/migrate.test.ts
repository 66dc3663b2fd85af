import { expect, test } from '@jest/globals'
import { listMigrations, migrate } from '../../../queue/store/migrate.ts'
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
