import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Logger } from '../../core/logger.ts'
import type { Postgres } from './postgres.ts'

/** The one channel of ours; a notice tells in its first word what it is about. */
const channel = 'noodle'
/** Postgres refuses 8000 bytes (NOTIFY, "payload"). */
const maxBytes = 7900
const retryMs = 1000

/**
 * NOTIFY and LISTEN, for signals while Redis is away. Not otherwise: commits that notify wait for one another (PostgreSQL 15, async.c), which a busy gateway
 * would feel, and a listener is a session of its own.
 */
export interface PostgresNotices {
  /** Best effort; one that is too long is not sent. */
  tell(subject: string, message: string): Promise<void>
  /** Hears until it is closed; a session that breaks is opened again. `hear` is also called with no subject when notices may have been missed. */
  listen(hear: (subject: string | undefined, message: string) => void): { close(): Promise<void> }
}

export function makePostgresNotices(
  postgres: Pick<Postgres, 'query'>,
  options: { databaseUrl: string; name: string; log: Logger },
): PostgresNotices {
  const { databaseUrl, name, log } = options
  return {
    async tell(subject, message) {
      const payload = `${subject} ${message}`
      if (Buffer.byteLength(payload) > maxBytes) return
      await postgres
        .query('SELECT pg_notify($1, $2)', [channel, payload], 'notify')
        .catch((error: unknown) => log.debug('notice not sent', { subject, error }))
    },
    listen(hear) {
      const closing = new AbortController()
      const session = async (): Promise<void> => {
        const client = new pg.Client({
          connectionString: databaseUrl,
          application_name: `noodle ${name} notices`,
          connectionTimeoutMillis: 5000,
          keepAlive: true,
        })
        const ended = new Promise<void>((resolve) => client.once('end', () => resolve()))
        client.on('error', () => undefined) // 'end' follows
        client.on('notification', ({ payload = '' }) => {
          const space = payload.indexOf(' ')
          hear(payload.slice(0, space), payload.slice(space + 1))
        })
        const end = (): void => void client.end().catch(() => undefined)
        try {
          await client.connect()
          await client.query(`LISTEN ${channel}`)
          if (closing.signal.aborted) return
          closing.signal.addEventListener('abort', end, { once: true })
          hear(undefined, '')
          await ended
        } finally {
          closing.signal.removeEventListener('abort', end)
          await client.end().catch(() => undefined)
        }
      }
      const run = async (): Promise<void> => {
        while (!closing.signal.aborted) {
          await session().catch((error: unknown) => log.debug('notices are not heard', { error }))
          await delay(retryMs, undefined, { signal: closing.signal }).catch(() => undefined)
        }
      }
      const running = run()
      return {
        async close() {
          closing.abort()
          await running
        },
      }
    },
  }
}
