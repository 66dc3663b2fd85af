import { QueueError } from '../domain/errors.ts'
import { mostSecrets } from '../domain/secret.ts'
import type { SecretBox, SecretPlace } from '../domain/secret-box.ts'
import type { SecretEntry } from '../store/secrets-table.ts'
import type { QueueDeps } from './queue-deps.ts'

/** Keeps a value under a name, in place of the one before. @throws SECRETS_OFF without a key, TOO_MANY_SECRETS */
export async function setSecret(
  deps: Pick<QueueDeps, 'secrets'>,
  box: SecretBox | null,
  place: SecretPlace,
  value: string,
): Promise<SecretEntry> {
  if (!box)
    throw new QueueError(
      'SECRETS_OFF',
      'This gateway has no key for secrets: its operator must set SECRETS_KEY, there and on the workers.',
    )
  const entry = await deps.secrets.set(place, box.seal(place, value), mostSecrets)
  if (entry === 'full')
    throw new QueueError(
      'TOO_MANY_SECRETS',
      `The tenant ${place.tenant} has ${String(mostSecrets)} secrets, the most that there may be; remove one first.`,
    )
  return entry
}
