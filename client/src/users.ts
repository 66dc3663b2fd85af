import type { Role, User } from './contract.ts'
import { type Listing, makeListing } from './listing.ts'
import type { CallOptions } from './submission.ts'
import type { Transport } from './transport.ts'

export interface NewUser {
  username: string
  /** 12 characters or more. */
  password: string
  role: Role
  /** Whose jobs the user sees. Default `default`. */
  tenant?: string | undefined
}

export interface UserChange {
  password?: string | undefined
  role?: Role | undefined
  disabled?: boolean | undefined
}

/** Who may call. All of it is for admins. */
export interface Users {
  /** Newest first. */
  list(options?: CallOptions): Listing<User>
  get(id: string, options?: CallOptions): Promise<User>
  /** Not sent again when its answer is lost: it may have been done. */
  create(user: NewUser, options?: CallOptions): Promise<User>
  /** All the user's tokens end with it. */
  change(id: string, change: UserChange, options?: CallOptions): Promise<User>
  /** The user's jobs stay. */
  remove(id: string, options?: CallOptions): Promise<void>
}

export function makeUsers(transport: Transport): Users {
  const pathOf = (id: string): string => `/v1/users/${encodeURIComponent(id)}`
  return {
    list: (options = {}) => makeListing<User>(transport, '/v1/users', {}, options),
    get: (id, { signal } = {}) => transport.json<User>({ method: 'GET', path: pathOf(id), signal }),
    create: (user, { signal } = {}) =>
      transport.json<User>({ method: 'POST', path: '/v1/users', body: user, signal }),
    change: (id, change, { signal } = {}) =>
      transport.json<User>({ method: 'PATCH', path: pathOf(id), body: change, signal }),
    remove: (id, { signal } = {}) =>
      transport.json<undefined>({ method: 'DELETE', path: pathOf(id), signal }),
  }
}
