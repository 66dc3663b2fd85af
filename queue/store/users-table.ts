import type { Role, User } from '../domain/user.ts'
import type { Postgres } from './postgres.ts'

interface UserRow {
  id: string
  username: string
  password_hash: string
  role: Role
  tenant: string
  token_version: number
  disabled_at: Date | null
  created_at: Date
}

const columns = 'id, username, password_hash, role, tenant, token_version, disabled_at, created_at'

export type UsersTable = ReturnType<typeof openUsersTable>

export function openUsersTable(postgres: Postgres) {
  return {
    /** Null when the name is taken. */
    async insert(user: {
      id: string
      username: string
      passwordHash: string
      role: Role
      tenant: string
    }): Promise<User | null> {
      const rows = await postgres.query<UserRow>(
        `INSERT INTO users (id, username, password_hash, role, tenant) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (username) DO NOTHING RETURNING ${columns}`,
        [user.id, user.username, user.passwordHash, user.role, user.tenant],
      )
      return rows[0] ? toUser(rows[0]) : null
    },

    /** Makes the first user; does nothing when there is one already. True when it was made. */
    async insertFirst(user: {
      id: string
      username: string
      passwordHash: string
      role: Role
      tenant: string
    }): Promise<boolean> {
      const rows = await postgres.query(
        `INSERT INTO users (id, username, password_hash, role, tenant)
         SELECT $1, $2, $3, $4, $5 WHERE NOT EXISTS (SELECT FROM users) ON CONFLICT (username) DO NOTHING RETURNING id`,
        [user.id, user.username, user.passwordHash, user.role, user.tenant],
      )
      return rows.length === 1
    },

    async isEmpty(): Promise<boolean> {
      return (await postgres.query('SELECT FROM users LIMIT 1')).length === 0
    },

    async find(id: string): Promise<User | null> {
      const rows = await postgres.query<UserRow>(`SELECT ${columns} FROM users WHERE id = $1`, [id])
      return rows[0] ? toUser(rows[0]) : null
    },

    async findWithPassword(username: string): Promise<{ user: User; passwordHash: string } | null> {
      const rows = await postgres.query<UserRow>(`SELECT ${columns} FROM users WHERE username = $1`, [
        username,
      ])
      return rows[0] ? { user: toUser(rows[0]), passwordHash: rows[0].password_hash } : null
    },

    /** In order of id, newest first, those after the id `before`. */
    async list(page: { limit: number; before?: string | undefined }): Promise<User[]> {
      const rows = await postgres.query<UserRow>(
        `SELECT ${columns} FROM users WHERE $2::uuid IS NULL OR id < $2 ORDER BY id DESC LIMIT $1`,
        [page.limit, page.before ?? null],
      )
      return rows.map(toUser)
    },

    /**
     * Changes what is given, raises the token version, and ends the user's refresh tokens, so that earlier tokens die. Null when there is no such user;
     * 'last-admin' when no admin would be left.
     */
    async update(
      id: string,
      change: {
        passwordHash?: string | undefined
        role?: Role | undefined
        isDisabled?: boolean | undefined
      },
    ): Promise<User | null | 'last-admin'> {
      return postgres.transaction(async (query) => {
        if (
          !(await keepsAnAdmin(
            query,
            id,
            change.isDisabled === true || (change.role !== undefined && change.role !== 'admin'),
          ))
        )
          return 'last-admin'
        const rows = await query<UserRow>(
          `UPDATE users SET password_hash = coalesce($2, password_hash), role = coalesce($3, role), token_version = token_version + 1,
             disabled_at = CASE WHEN $4::boolean IS NULL THEN disabled_at WHEN $4 THEN coalesce(disabled_at, now()) END
           WHERE id = $1 RETURNING ${columns}`,
          [id, change.passwordHash ?? null, change.role ?? null, change.isDisabled ?? null],
        )
        await query(
          `UPDATE refresh_tokens SET revoked_at = now(), revoked_because = 'user changed' WHERE user_id = $1 AND revoked_at IS NULL`,
          [id],
        )
        return rows[0] ? toUser(rows[0]) : null
      })
    },

    async remove(id: string): Promise<'removed' | 'not-found' | 'last-admin'> {
      return postgres.transaction(async (query) => {
        if (!(await keepsAnAdmin(query, id, true))) return 'last-admin'
        const rows = await query('DELETE FROM users WHERE id = $1 RETURNING id', [id])
        return rows.length === 1 ? 'removed' : 'not-found'
      })
    },
  }
}

/** False when taking admin rights from the user would leave nobody who has them. Holds the admins' rows until the transaction ends. */
async function keepsAnAdmin(query: Postgres['query'], id: string, takesRights: boolean): Promise<boolean> {
  if (!takesRights) return true
  const admins = await query<{ id: string }>(
    "SELECT id FROM users WHERE role = 'admin' AND disabled_at IS NULL ORDER BY id FOR UPDATE",
  )
  return !admins.some((admin) => admin.id === id) || admins.length > 1
}

function toUser(row: UserRow): User {
  return {
    id: row.id,
    username: row.username,
    role: row.role,
    tenant: row.tenant,
    tokenVersion: row.token_version,
    disabledAt: row.disabled_at,
    createdAt: row.created_at,
  }
}
