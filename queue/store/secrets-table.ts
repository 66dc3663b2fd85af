import type { SealedSecret, SecretPlace } from '../domain/secret-box.ts'
import type { Postgres } from './postgres.ts'

/** What may be told of a secret. */
export interface SecretEntry {
  name: string
  /** How often it was set. */
  version: number
  updatedAt: Date
}

export type StoredSecret = SecretPlace & SealedSecret & { version: number }

export type SecretsTable = ReturnType<typeof openSecretsTable>

/** Secrets of tenants, sealed: values neither come here nor leave. */
export function openSecretsTable(postgres: Postgres) {
  return {
    /** Answers 'full' when the tenant has `most` others. */
    async set(
      { tenant, name }: SecretPlace,
      { keyId, sealed }: SealedSecret,
      most: number,
    ): Promise<SecretEntry | 'full'> {
      return postgres.transaction(async (query) => {
        // One at a time for a tenant, so that the count holds.
        await query(`SELECT pg_advisory_xact_lock(hashtextextended('secrets of ' || $1, 0))`, [tenant])
        const rows = await query<SecretEntry>(
          `INSERT INTO secrets (tenant, name, key_id, sealed)
           SELECT $1, $2, $3, $4::bytea WHERE (SELECT count(*) FROM secrets WHERE tenant = $1 AND name <> $2) < $5
           ON CONFLICT (tenant, name) DO UPDATE SET
             version = secrets.version + 1, key_id = excluded.key_id, sealed = excluded.sealed, updated_at = now()
           RETURNING name, version, updated_at AS "updatedAt"`,
          [tenant, name, keyId, sealed, most],
        )
        return rows[0] ?? 'full'
      })
    },

    /** Answers whether there was such a secret. */
    async remove({ tenant, name }: SecretPlace): Promise<boolean> {
      const rows = await postgres.query('DELETE FROM secrets WHERE tenant = $1 AND name = $2 RETURNING 1', [
        tenant,
        name,
      ])
      return rows.length > 0
    },

    /** All of a tenant, by name. */
    async list(tenant: string): Promise<SecretEntry[]> {
      return postgres.query<SecretEntry>(
        'SELECT name, version, updated_at AS "updatedAt" FROM secrets WHERE tenant = $1 ORDER BY name',
        [tenant],
      )
    },

    async find(tenant: string, names: readonly string[]): Promise<StoredSecret[]> {
      return postgres.query<StoredSecret>(
        'SELECT tenant, name, version, key_id AS "keyId", sealed FROM secrets WHERE tenant = $1 AND name = ANY($2)',
        [tenant, names],
      )
    },

    /** Those that another key has sealed, in order, from the one after `after` on. */
    async listSealedOtherwise(keyId: string, after: SecretPlace, limit: number): Promise<StoredSecret[]> {
      return postgres.query<StoredSecret>(
        `SELECT tenant, name, version, key_id AS "keyId", sealed FROM secrets
         WHERE key_id <> $1 AND (tenant, name) > ($2, $3) ORDER BY tenant, name LIMIT $4`,
        [keyId, after.tenant, after.name, limit],
      )
    },

    /** The same value under another key, unless it was set meanwhile. */
    async reseal(old: StoredSecret, { keyId, sealed }: SealedSecret): Promise<void> {
      await postgres.query(
        'UPDATE secrets SET key_id = $5, sealed = $6 WHERE tenant = $1 AND name = $2 AND version = $3 AND key_id = $4',
        [old.tenant, old.name, old.version, old.keyId, keyId, sealed],
      )
    },
  }
}
