import pg from 'pg'
import type { Logger } from '../../core/logger.ts'
import { QueueError } from '../domain/errors.ts'

/** bigint columns are fences and counts, all below 2^53. */
const int8 = 20
const timestamptz = 1184
const types = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === int8
      ? Number
      : oid === timestamptz && format !== 'binary'
        ? parseInstant
        : (pg.types.getTypeParser(oid, format) as unknown)) as typeof pg.types.getTypeParser,
}

const parseTimestamptz = pg.types.getTypeParser(timestamptz, 'text') as (text: string) => Date
let lastInstant = { text: '', at: new Date(NaN) }

/** The rows of a batched statement share its now(): most instants are the one before again, and to parse one costs more than the rest of its row. */
function parseInstant(text: string): Date {
  if (text !== lastInstant.text) lastInstant = { text, at: parseTimestamptz(text) }
  return lastInstant.at
}

export interface Postgres {
  /** Runs one statement. One with a name is parsed and planned once a connection: for what runs again and again with the same text. @throws POSTGRES_UNAVAILABLE when it can't be reached, is overloaded, or took too long */
  query<Row extends object>(text: string, values?: readonly unknown[], name?: string): Promise<Row[]>
  /** Runs statements in one transaction; an error undoes all. */
  transaction<T>(work: (query: Postgres['query']) => Promise<T>): Promise<T>
  close(): Promise<void>
}

export interface PostgresOptions {
  databaseUrl: string
  /** Most connections. */
  poolSize: number
  statementTimeoutMs: number
  /** Shown in pg_stat_activity. */
  name: string
  log: Logger
  /** Looks at each new connection before it is used; one for which it throws is closed. */
  inspect?: ((client: pg.ClientBase) => Promise<void>) | undefined
}

/** Opens a pool; the first statement connects. */
export function openPostgres(options: PostgresOptions): Postgres {
  const { inspect } = options
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    max: options.poolSize,
    connectionTimeoutMillis: 5000,
    idleTimeoutMillis: 60_000,
    statement_timeout: options.statementTimeoutMs,
    query_timeout: options.statementTimeoutMs + 2000,
    idle_in_transaction_session_timeout: options.statementTimeoutMs + 5000,
    application_name: `noodle ${options.name}`,
    keepAlive: true,
    types,
    ...(inspect && {
      verify(client, done) {
        inspect(client).then(() => done(), done)
      },
    }),
  })
  // An idle connection that breaks is replaced; without a listener it would end the process.
  pool.on('error', (error) => options.log.warn('an idle connection to Postgres broke', { error }))
  // So does one that breaks between two statements of a transaction: the pool listens to idle ones only. The next statement tells.
  pool.on('connect', (client) => client.on('error', () => undefined))

  return {
    async query<Row extends object>(text: string, values: readonly unknown[] = [], name?: string) {
      try {
        const { rows } = await pool.query<Row>({
          text,
          values: [...values],
          ...(name !== undefined && { name }),
        })
        return rows
      } catch (error) {
        throw asUnavailable(error)
      }
    },
    async transaction(work) {
      const client = await pool.connect().catch((error: unknown) => {
        throw asUnavailable(error)
      })
      let broken: Error | undefined
      try {
        await client.query('BEGIN')
        const result = await work(
          async <Row extends object>(text: string, values: readonly unknown[] = []) => {
            const { rows } = await client.query<Row>(text, [...values])
            return rows
          },
        )
        await client.query('COMMIT')
        return result
      } catch (error) {
        await client.query('ROLLBACK').catch((rollbackError: unknown) => {
          broken = rollbackError instanceof Error ? rollbackError : new Error(String(rollbackError))
        })
        throw asUnavailable(error)
      } finally {
        client.release(broken) // a connection whose rollback failed is not used again
      }
    },
    async close() {
      if (!pool.ended) await pool.end()
    },
  }
}

/** SQLSTATE classes and codes that tell that the server or what else goes on there, not the statement, is at fault (PostgreSQL 15, appendix A). */
const unavailableStates = /^(08|40P01|53|57P|58|25006|57014)/
const unavailableCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
])
const unavailableMessages =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client has encountered a connection error|Cannot use a pool after)/

/** A lost, full or overloaded server as POSTGRES_UNAVAILABLE; any other error as it is. */
export function asUnavailable(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (
    !unavailableStates.test(code) &&
    !unavailableCodes.has(code) &&
    !unavailableMessages.test(error.message)
  )
    return error
  return new QueueError(
    'POSTGRES_UNAVAILABLE',
    'Postgres is unavailable; nothing was changed for certain, try again.',
    { retryAfterSeconds: 2, cause: error },
  )
}

/** True for errors that a row's own data causes: a bad value or a broken constraint. */
export function isRowFault(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && typeof error.code === 'string' && /^(22|23)/.test(error.code)
  )
}
