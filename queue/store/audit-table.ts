import type { Postgres } from './postgres.ts'

export interface AuditEntry {
  id: string
  /** Null when nobody was recognised, as in a failed login. */
  userId: string | null
  username: string | null
  tenant: string | null
  /** Such as `user.create` or `login.refused`. */
  action: string
  target: string | null
  network: string | null
  requestId: string | null
  details: Record<string, string | number | boolean | null>
}

export type AuditTable = ReturnType<typeof openAuditTable>

/** Who did what, append-only. */
export function openAuditTable(postgres: Postgres) {
  return {
    async append(entry: AuditEntry): Promise<void> {
      await postgres.query(
        'INSERT INTO audit (id, user_id, username, tenant, action, target, network, request_id, details) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)',
        [
          entry.id,
          entry.userId,
          entry.username,
          entry.tenant,
          entry.action,
          entry.target,
          entry.network,
          entry.requestId,
          JSON.stringify(entry.details),
        ],
      )
    },

    /** Newest first, those before the id `before`. */
    async list(page: { limit: number; before?: string | undefined }): Promise<(AuditEntry & { at: Date })[]> {
      return postgres.query<AuditEntry & { at: Date }>(
        `SELECT id, at, user_id AS "userId", username, tenant, action, target, network, request_id AS "requestId", details
         FROM audit WHERE $2::uuid IS NULL OR id < $2 ORDER BY id DESC LIMIT $1`,
        [page.limit, page.before ?? null],
      )
    },
  }
}
