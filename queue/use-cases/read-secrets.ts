import type { SecretBox } from '../domain/secret-box.ts'
import type { QueueDeps } from './queue-deps.ts'

/** Values by name, or which one can't be had and why. */
export type SecretsRead =
  { values: Record<string, string> } | { missing: string; why: 'not set' | 'no key' | 'damaged' }

/** The values of a tenant's secrets, all or none. */
export async function readSecrets(
  deps: Pick<QueueDeps, 'secrets'>,
  box: SecretBox,
  tenant: string,
  names: readonly string[],
): Promise<SecretsRead> {
  const stored = new Map((await deps.secrets.find(tenant, names)).map((secret) => [secret.name, secret]))
  const values: Record<string, string> = {}
  for (const name of names) {
    const secret = stored.get(name)
    if (!secret) return { missing: name, why: 'not set' }
    const opened = box.open({ tenant, name }, secret)
    if (typeof opened === 'string') return { missing: name, why: opened }
    values[name] = opened.value
  }
  return { values }
}
