import type { Postgres } from './postgres.ts'

/** Raises of the counter that are remembered: ten minutes, one each second. As migrations/005 says. */
const remembered = 600

/**
 * A delivery is sent after its job is dispatched: by this long at most, with a statement and a Redis command that take all the time that they may. What
 * took longer is found by the reconciler.
 */
const sendingMs = 5000

/** Jobs dispatched between the two, both included, may have lost their delivery. */
export interface Doubt {
  from: Date
  until: Date
}

/** What the one who watches is told. Times are Postgres'. */
export interface Turn {
  now: Date
  /** The highest count that Redis is known to have had; 0 at the very first turn. */
  count: number
  /** When it was raised to it. */
  countedAt: Date | null
  doubt: Doubt | null
}

export type RedisWatchTable = ReturnType<typeof openRedisWatchTable>

/** What Postgres remembers of the counter that Redis holds. */
export function openRedisWatchTable(postgres: Postgres) {
  return {
    /** Makes the holder the one who watches, for a while; null when another does. */
    async takeTurn(holder: string, turnMs: number): Promise<Turn | null> {
      const rows = await postgres.query<TurnRow>(
        `UPDATE redis_watch SET holder = $1, held_until = now() + $2 * interval '1 millisecond'
         WHERE holder = $1 OR held_until < now()
         RETURNING now() AS now, count, counted_at, lost_from, lost_until`,
        [holder, turnMs],
        'take-redis-watch',
      )
      const [row] = rows
      if (!row) return null
      return { now: row.now, count: row.count, countedAt: row.counted_at, doubt: toDoubt(row) }
    },

    /** Remembers that Redis had this count, and what was sent to it before `at`. */
    async record(count: number, at: Date): Promise<void> {
      await postgres.query(
        `WITH watched AS (
           UPDATE redis_watch SET count = $1, counted_at = $2 WHERE count < $1 RETURNING count
         )
         INSERT INTO redis_counts (slot, count, at) SELECT count % $3, count, $2 FROM watched
         ON CONFLICT (slot) DO UPDATE SET count = excluded.count, at = excluded.at`,
        [count, at, remembered],
        'record-redis-count',
      )
    },

    /** All that was sent after Redis had this count is in doubt; all at all when it is not remembered when that was. */
    doubtSinceCount: (count: number) =>
      doubt(`SELECT at FROM redis_counts WHERE count <= $1 ORDER BY count DESC LIMIT 1`, count),

    /** All that was sent from then on is in doubt. */
    doubtSince: (at: Date) => doubt(`SELECT $1::timestamptz`, at),

    /** Nothing of this doubt is left; one that has grown since stays. */
    async endDoubt({ until }: Doubt): Promise<void> {
      await postgres.query(
        `UPDATE redis_watch SET lost_from = NULL, lost_until = NULL WHERE lost_until = $1`,
        [until],
      )
    },
  }

  async function doubt(since: string, value: unknown): Promise<Doubt | null> {
    // Whole milliseconds, as they come back from here.
    const rows = await postgres.query<DoubtRow>(
      `UPDATE redis_watch SET
         lost_from = least(lost_from, coalesce((${since}) - $2 * interval '1 millisecond', 'epoch')),
         lost_until = date_trunc('milliseconds', now()) + interval '1 millisecond'
       RETURNING lost_from, lost_until`,
      [value, sendingMs],
    )
    return rows[0] ? toDoubt(rows[0]) : null
  }
}

interface DoubtRow {
  lost_from: Date | null
  lost_until: Date | null
}

interface TurnRow extends DoubtRow {
  now: Date
  count: number
  counted_at: Date | null
}

function toDoubt({ lost_from: from, lost_until: until }: DoubtRow): Doubt | null {
  return from && until ? { from, until } : null
}
