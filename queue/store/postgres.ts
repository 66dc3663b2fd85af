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

/** Runs one statement. One with a name is parsed and planned once a connection: for what runs again and again with the same text. */
export type Query = <Row extends object>(
  text: string,
  values?: readonly unknown[],
  name?: string,
) => Promise<Row[]>

export interface Postgres {
  /** On a connection of the pool. @throws POSTGRES_UNAVAILABLE when it can't be reached, is overloaded, or took too long */
  query: Query
  /** Runs statements in one transaction; an error undoes all. */
  transaction<T>(work: (query: Query) => Promise<T>): Promise<T>
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
  /** Looks at each new connection before it is used, by statements on it; one for which it throws is closed. */
  inspect?: ((query: Query) => Promise<void>) | undefined
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
    idle_in_transaction_session_timeout: options.statementTimeoutMs + 5000,
    application_name: `noodle ${options.name}`,
    keepAlive: true,
    types,
    ...(inspect && {
      verify(client, done) {
        inspect(queryOn(client)).then(() => done(), done)
      },
    }),
  })
  // An idle connection that breaks is replaced; without a listener it would end the process.
  pool.on('error', (error) => options.log.warn('an idle connection to Postgres broke', { error }))
  // So does one that breaks between two statements of a transaction: the pool listens to idle ones only. The next statement tells.
  pool.on('connect', (client) => client.on('error', () => undefined))

  /**
   * Runs a statement, and gives it up when there is no answer in time. Not by pg's `query_timeout`: that assigns a function to a property, for which V8
   * (13.6) makes it an old object, and all rows of the answer live until the next collection of the old ones.
   */
  const run = <Row extends object>(client: pg.ClientBase, statement: pg.QueryConfig): Promise<Row[]> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new NoAnswer())
      }, options.statementTimeoutMs + 2000)
      client.query<Row>(statement, (error: Error | null, result: pg.QueryResult<Row>) => {
        clearTimeout(timer)
        if (error) reject(error)
        else resolve(result.rows)
      })
    })

  const queryOn =
    (client: pg.ClientBase): Query =>
    (text, values = [], name) =>
      run(client, { text, values: [...values], ...(name !== undefined && { name }) })

  /** Lends a connection. `work` tells in the end whether another may have it next. */
  async function withConnection<T>(work: (query: Query, keep: () => void) => Promise<T>): Promise<T> {
    try {
      const client = await pool.connect()
      let isKept = false
      try {
        return await work(queryOn(client), () => (isKept = true))
      } finally {
        client.release(!isKept)
      }
    } catch (error) {
      throw asUnavailable(error)
    }
  }

  return {
    query: <Row extends object>(text: string, values?: readonly unknown[], name?: string) =>
      withConnection(async (query, keep) => {
        const rows = await query<Row>(text, values, name)
        keep()
        return rows
      }),
    transaction: (work) =>
      withConnection(async (query, keep) => {
        try {
          await query('BEGIN')
          const result = await work(query)
          await query('COMMIT')
          keep()
          return result
        } catch (error) {
          if (!(error instanceof NoAnswer)) await query('ROLLBACK').then(keep, () => undefined)
          throw error
        }
      }),
    async close() {
      if (!pool.ended) await pool.end()
    },
  }
}

class NoAnswer extends Error {
  constructor() {
    super('No answer within the time of a statement.')
    this.name = 'NoAnswer'
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
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|No answer within|Client has encountered a connection error|Cannot use a pool after)/

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
