import { QueueError } from '../domain/errors.ts'
import type { Logger } from '../../core/logger.ts'
import { asUnavailable, type Query } from './postgres.ts'

/*
 * pg_control_checkpoint() tells the timeline of the last checkpoint, which a promoted standby makes only some time after it takes writes; the name of
 * the WAL file that is written to now is up to date. A database restored beside the one it was dumped from is in the same cluster: its oid differs.
 */
const found = `
  SELECT system_identifier AS cluster,
         ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer AS timeline,
         (SELECT oid FROM pg_database WHERE datname = current_database()) AS database
  FROM pg_control_system()`
const isAnother = `(postgres_cluster, postgres_timeline, postgres_database) IS DISTINCT FROM (found.cluster, found.timeline, found.database)`

/**
 * Makes the function that looks at each new connection before it is used: when it leads to another Postgres than the recorded one (a promoted standby, a
 * restored backup or dump) the epoch rises, once however many connect, so that no claim gets a fence that the former Postgres gave already. Where the
 * role may not ask, that is logged once, and whoever restores must raise the epoch.
 * @throws POSTGRES_UNAVAILABLE for a standby: its promotion would not break the connection, which then had not been looked at
 */
export function makeEpochKeeper(log: Logger): (query: Query) => Promise<void> {
  let isRefused = false
  return async (query) => {
    const [server] = await query<{ is_standby: boolean }>('SELECT pg_is_in_recovery() AS is_standby')
    if (server?.is_standby)
      throw new QueueError(
        'POSTGRES_UNAVAILABLE',
        'Postgres is a standby; promote it, or mend DATABASE_URL.',
        {
          retryAfterSeconds: 2,
        },
      )
    if (isRefused) return
    try {
      await keepEpoch(query, log)
    } catch (error) {
      if (asUnavailable(error) instanceof QueueError) throw error
      isRefused = true
      log.warn('Postgres does not tell which server it is, a failover can not be noticed', { error })
    }
  }
}

async function keepEpoch(query: Query, log: Logger): Promise<void> {
  const strangers = await query(`SELECT FROM platform, (${found}) AS found WHERE ${isAnother}`)
  if (strangers.length === 0) return
  // The reaper is set back too: what the nodes renewed last may not have reached this Postgres.
  const [raised] = await query<{ epoch: number }>(
    `UPDATE platform SET epoch = epoch + (postgres_cluster IS NOT NULL)::integer,
       reaper_seen_at = CASE WHEN postgres_cluster IS NULL THEN reaper_seen_at END,
       postgres_cluster = found.cluster, postgres_timeline = found.timeline, postgres_database = found.database
     FROM (${found}) AS found WHERE ${isAnother}
     RETURNING epoch`,
  )
  if (raised) log.warn('Postgres is another than before, epoch raised', { epoch: raised.epoch })
}
