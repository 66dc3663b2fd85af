import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Knex } from 'knex'
import pg from 'pg'
import type { Logger } from '../../core/logger.ts'
import { QueueError } from '../domain/errors.ts'
import { asUnavailable } from './postgres.ts'

const folder = join(import.meta.dirname, '../../migrations')

/** Any number would do; it only must be ours. */
const advisoryLock = 5_270_001

export interface MigrationReport {
  applied: string[]
  /** All that the database has now, oldest first. */
  total: number
}

/** knex would print; its errors reach the caller anyway. */
const silence = { warn() {}, error() {}, deprecate() {}, debug() {} }

/** Names of the migrations that this version of the code brings, in order. */
export function listMigrations(): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -'.ts'.length))
    .sort()
}

/**
 * Brings the database to this version's schema. Any number of processes may call it at once: one works, the others wait for its lock. A database
 * that is ahead of the code is left as it is, for a new schema must bear the code before it.
 */
export async function migrate(databaseUrl: string): Promise<MigrationReport> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: 'noodle migrate',
    connectionTimeoutMillis: 10_000,
  })
  await client.connect()
  try {
    const missing = await missingMigrations(client)
    if (missing.length === 0) return { applied: [], total: listMigrations().length }
    await client.query('SELECT pg_advisory_lock($1)', [advisoryLock])
    // knex is loaded only by who has something to migrate: it would cost each process memory.
    const { default: knexFactory } = await import('knex')
    const knex = knexFactory({
      client: 'pg',
      connection: databaseUrl,
      pool: { min: 0, max: 1 },
      log: silence,
    })
    try {
      const [, applied] = (await knex.migrate.latest({
        migrationSource: {
          getMigrations: () => Promise.resolve(listMigrations()),
          getMigrationName: (name: string) => name,
          async getMigration(name: string) {
            const { up } = (await import(pathToFileURL(join(folder, `${name}.ts`)).href)) as {
              up: (schema: Knex) => Promise<void>
            }
            return {
              up,
              down: () =>
                Promise.reject(new Error('Migrations go forward only; restore a backup to go back.')),
            }
          },
        },
        disableMigrationsListValidation: true,
      })) as [number, string[]]
      return { applied, total: listMigrations().length }
    } finally {
      await knex.destroy()
    }
  } finally {
    await client.end() // ends the session, and with it the lock
  }
}

/** Of this version, in the order in which they are applied. */
export async function missingMigrations(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ exists: boolean }>(
    "SELECT to_regclass('knex_migrations') IS NOT NULL AS exists",
  )
  if (!rows[0]?.exists) return listMigrations()
  const done = await client.query<{ name: string }>('SELECT name FROM knex_migrations')
  const names = new Set(done.rows.map((row) => row.name))
  return listMigrations().filter((name) => !names.has(name))
}

/** As migrate, at the start of a process: waits for a Postgres that is not up yet, so that the order of starting does not matter. */
export async function migrateWhenUp(databaseUrl: string, log: Logger): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      const { applied } = await migrate(databaseUrl)
      if (applied.length > 0) log.info('database schema brought up to date', { applied })
      return
    } catch (error) {
      const known = asUnavailable(error)
      if (!(known instanceof QueueError)) throw error
      if (tries === 0) log.warn('waiting for Postgres', { error })
      await new Promise((resolve) => setTimeout(resolve, Math.min(5000, 200 * 2 ** Math.min(tries, 5))))
    }
  }
}
