import type { Secret } from './contract.ts'
import type { CallOptions } from './submission.ts'
import type { Transport } from './transport.ts'

export interface SecretOptions extends CallOptions {
  /** Whose; for admins only. By default that of the caller. */
  tenant?: string | undefined
}

/** Secrets that tasks get by their names. No call tells a value. */
export interface Secrets {
  list(options?: SecretOptions): Promise<Secret[]>
  /** Runs that begin afterwards get the new value. */
  set(name: string, value: string, options?: SecretOptions): Promise<Secret>
  remove(name: string, options?: SecretOptions): Promise<void>
}

export function makeSecrets(transport: Transport): Secrets {
  const pathOf = (name: string): string => `/v1/secrets/${encodeURIComponent(name)}`
  return {
    async list({ tenant, signal } = {}) {
      const { items } = await transport.json<{ items: Secret[] }>({
        method: 'GET',
        path: '/v1/secrets',
        query: { tenant },
        signal,
      })
      return items
    },
    set: (name, value, { tenant, signal } = {}) =>
      transport.json<Secret>({
        method: 'PUT',
        path: pathOf(name),
        query: { tenant },
        body: { value },
        signal,
      }),
    remove: (name, { tenant, signal } = {}) =>
      transport.json<undefined>({ method: 'DELETE', path: pathOf(name), query: { tenant }, signal }),
  }
}
