import type { SecretBox } from '../domain/secret-box.ts'
import type { QueueDeps } from './queue-deps.ts'

const roundSize = 100

/** After a change of the key: seals with the present one what an earlier one has sealed, so that the earlier one can be put away. Twice is harmless. */
export async function resealSecrets(deps: Pick<QueueDeps, 'secrets' | 'log'>, box: SecretBox): Promise<void> {
  let resealed = 0
  let unreadable = 0
  let after = { tenant: '', name: '' }
  for (;;) {
    const round = await deps.secrets.listSealedOtherwise(box.keyId, after, roundSize)
    for (const secret of round) {
      const opened = box.open(secret, secret)
      if (typeof opened === 'string') unreadable++
      else {
        await deps.secrets.reseal(secret, box.seal(secret, opened.value))
        resealed++
      }
      after = secret
    }
    if (round.length < roundSize) break
  }
  if (resealed > 0)
    deps.log.info('secrets were sealed anew with the present SECRETS_KEY', { secrets: resealed })
  if (unreadable > 0)
    deps.log.warn(
      'secrets can not be opened with the keys that are here; set SECRETS_PREVIOUS_KEYS, or set them anew',
      {
        secrets: unreadable,
      },
    )
}
