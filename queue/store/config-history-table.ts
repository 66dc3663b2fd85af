import type { Postgres } from './postgres.ts'

export interface AppliedConfig {
  /** What kind of process took it: `gateway`, `ops`, `worker (small)`. */
  process: string
  /** Which one: its host and process id, or its node. */
  instance: string
  version: string
  environment: string | null
  hash: string
  reason: 'start' | 'reload'
  /** Names of the options that differ from what a process of the kind took before. */
  changed: readonly string[]
}

export type AppliedEntry = AppliedConfig & { id: number; at: Date }

/** Without secrets. */
export type Settings = Record<string, unknown>

/** How many entries are kept of each kind of process, and how long; the newest always. */
const keptEntries = 200
const keptDays = 365

export type ConfigHistoryTable = ReturnType<typeof openConfigHistoryTable>

/** Which process took which configuration, and when. */
export function openConfigHistoryTable(postgres: Postgres) {
  return {
    async append(applied: AppliedConfig, settings: Settings): Promise<void> {
      await postgres.query(
        `WITH config AS (
           INSERT INTO configs (hash, settings) VALUES ($5, $8) ON CONFLICT (hash) DO UPDATE SET last_used_at = now()
         )
         INSERT INTO config_history (process, instance, version, environment, hash, reason, changed) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
        [
          ...[applied.process, applied.instance, applied.version, applied.environment, applied.hash],
          ...[applied.reason, applied.changed, JSON.stringify(settings)],
        ],
      )
    },

    /** Newest first. */
    async list(page: { limit: number; process?: string | undefined }): Promise<AppliedEntry[]> {
      return postgres.query<AppliedEntry>(
        `SELECT id::float8 AS id, at, process, instance, version, environment, hash, reason, changed
         FROM config_history WHERE $2::text IS NULL OR process = $2 ORDER BY id DESC LIMIT $1`,
        [page.limit, page.process ?? null],
      )
    },

    /** What processes of each kind took last; of one kind, when it is named. */
    async findLatest(
      process?: string,
    ): Promise<{ process: string; at: Date; hash: string; settings: Settings }[]> {
      return postgres.query(
        `SELECT DISTINCT ON (process) process, at, hash, settings FROM config_history JOIN configs USING (hash)
         WHERE $1::text IS NULL OR process = $1 ORDER BY process, id DESC`,
        [process ?? null],
      )
    },

    /** Removes entries that are old or many. */
    async prune(): Promise<void> {
      await postgres.query(
        `DELETE FROM config_history USING (
           SELECT id, row_number() OVER (PARTITION BY process ORDER BY id DESC) AS place FROM config_history
         ) AS placed
         WHERE placed.id = config_history.id AND (place > $1 OR (place > 1 AND at < now() - $2 * interval '1 day'))`,
        [keptEntries, keptDays],
      )
      // An hour, for one whose entry is being written.
      await postgres.query(
        `DELETE FROM configs WHERE last_used_at < now() - interval '1 hour'
           AND NOT EXISTS (SELECT FROM config_history WHERE config_history.hash = configs.hash)`,
      )
    },
  }
}
