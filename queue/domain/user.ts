export const roles = ['admin', 'user', 'worker'] as const
export type Role = (typeof roles)[number]

export const permissions = ['read', 'write', 'delete', 'manage', 'execute'] as const
export type Permission = (typeof permissions)[number]

/** What a role may do; an admin in all tenants, the others in their own. */
export const permissionsOfRole: Record<Role, readonly Permission[]> = {
  admin: ['read', 'write', 'delete', 'manage'],
  user: ['read', 'write'],
  worker: ['execute'],
}

export interface User {
  id: string
  username: string
  role: Role
  tenant: string
  /** Raised when the user's rights change: tokens of an older version are refused. */
  tokenVersion: number
  disabledAt: Date | null
  createdAt: Date
}

/** Who acts: taken from a verified token only. */
export interface Actor {
  userId: string
  username: string
  role: Role
  tenant: string
  /** Of a node that signed its own token: it speaks for no other. */
  nodeId?: string
}

/** The tenant whose rows an actor may see; null for all. */
export const tenantScope = (actor: Actor): string | null => (actor.role === 'admin' ? null : actor.tenant)
