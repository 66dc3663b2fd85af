import type { Postgres } from './postgres.ts'

export type PlatformTable = ReturnType<typeof openPlatformTable>

/** What the platform as a whole remembers. */
export function openPlatformTable(postgres: Postgres) {
  return {
    /** Never lowers it. */
    async raiseEpoch(to: number): Promise<void> {
      await postgres.query('UPDATE platform SET epoch = $1 WHERE epoch < $1', [to])
    },

    /** The id of this installation, as its blob store has it too. */
    async findInstallation(): Promise<string> {
      const rows = await postgres.query<{ installation: string }>('SELECT installation FROM platform')
      return rows[0]?.installation ?? ''
    },

    /** Keeps what is wrong with the stores, a sentence each, for `findStoreTroubles`. */
    async recordStoreTroubles(troubles: readonly string[]): Promise<void> {
      await postgres.query('UPDATE platform SET store_troubles = $1, stores_checked_at = now()', [troubles])
    },

    /** None when nobody looked within the last `maxAgeMs`. */
    async findStoreTroubles(maxAgeMs: number): Promise<string[]> {
      const rows = await postgres.query<{ store_troubles: string[] }>(
        `SELECT store_troubles FROM platform WHERE stores_checked_at > now() - $1 * interval '1 millisecond'`,
        [maxAgeMs],
        'find-store-troubles',
      )
      return rows[0]?.store_troubles ?? []
    },
  }
}
