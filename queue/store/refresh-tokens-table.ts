import type { Postgres } from './postgres.ts'

export type RefreshTokensTable = ReturnType<typeof openRefreshTokensTable>

export type SpendResult =
  | { kind: 'spent'; userId: string; familyId: string }
  /** Used before: somebody has a copy, so the whole family was revoked. */
  | { kind: 'reused'; userId: string; familyId: string }
  | { kind: 'invalid' }

/** Refresh tokens in families: a login begins one, each refresh spends a token and issues the next (RFC 9700, 4.14.2). Only hashes are stored. */
export function openRefreshTokensTable(postgres: Postgres) {
  return {
    async beginFamily(token: {
      hash: Buffer
      familyId: string
      userId: string
      lifeSeconds: number
    }): Promise<void> {
      await postgres.query(
        `INSERT INTO refresh_tokens (hash, family_id, user_id, family_ends_at) VALUES ($1, $2, $3, now() + $4 * interval '1 second')`,
        [token.hash, token.familyId, token.userId, token.lifeSeconds],
      )
    },

    /** Spends a token and issues its successor, which ends when the family ends; exactly one of many at once succeeds. */
    async spend(hash: Buffer, successor: Buffer): Promise<SpendResult> {
      return postgres.transaction(async (query) => {
        const spent = await query<{ family_id: string; user_id: string }>(
          `WITH used AS (
             UPDATE refresh_tokens SET used_at = now() WHERE hash = $1 AND used_at IS NULL AND revoked_at IS NULL AND family_ends_at > now()
             RETURNING family_id, user_id, family_ends_at
           )
           INSERT INTO refresh_tokens (hash, family_id, user_id, family_ends_at) SELECT $2, family_id, user_id, family_ends_at FROM used
           RETURNING family_id, user_id`,
          [hash, successor],
        )
        if (spent[0]) return { kind: 'spent', userId: spent[0].user_id, familyId: spent[0].family_id }
        const known = await query<{ family_id: string; user_id: string; used_at: Date | null }>(
          'SELECT family_id, user_id, used_at FROM refresh_tokens WHERE hash = $1',
          [hash],
        )
        const token = known[0]
        if (!token?.used_at) return { kind: 'invalid' }
        await query(
          `UPDATE refresh_tokens SET revoked_at = now(), revoked_because = 'reuse' WHERE family_id = $1 AND revoked_at IS NULL`,
          [token.family_id],
        )
        return { kind: 'reused', userId: token.user_id, familyId: token.family_id }
      })
    },

    /** Ends the family that a token belongs to; false when the token is unknown or another user's. */
    async revokeFamilyOf(hash: Buffer, userId: string, because: string): Promise<boolean> {
      const rows = await postgres.query(
        `UPDATE refresh_tokens SET revoked_at = coalesce(revoked_at, now()), revoked_because = coalesce(revoked_because, $3)
         WHERE family_id = (SELECT family_id FROM refresh_tokens WHERE hash = $1 AND user_id = $2) RETURNING hash`,
        [hash, userId, because],
      )
      return rows.length > 0
    },

    async revokeAllOf(userId: string, because: string): Promise<void> {
      await postgres.query(
        'UPDATE refresh_tokens SET revoked_at = now(), revoked_because = $2 WHERE user_id = $1 AND revoked_at IS NULL',
        [userId, because],
      )
    },

    async prune(): Promise<void> {
      await postgres.query('DELETE FROM refresh_tokens WHERE family_ends_at < now()')
    },
  }
}
