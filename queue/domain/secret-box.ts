import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

/** A value as it is stored. */
export interface SealedSecret {
  keyId: string
  /** Nonce, ciphertext, tag. */
  sealed: Buffer
}

/** Whose secret it is: a sealed value opens only as the secret that it was sealed as. */
export interface SecretPlace {
  tenant: string
  name: string
}

/** Seals secrets with the present key, and opens those of any key that it has. */
export interface SecretBox {
  /** Of the present key. */
  keyId: string
  seal(place: SecretPlace, value: string): SealedSecret
  /** 'no key' when it was sealed with one that is not here, 'damaged' when it is not what was sealed for this place. */
  open(place: SecretPlace, sealed: SealedSecret): { value: string } | 'no key' | 'damaged'
}

/** As NIST SP 800-38D recommends them for GCM. With random nonces a key is good for 2^32 seals. */
const nonceBytes = 12
const tagBytes = 16

/** Keys are texts of at least 32 bytes: the first seals, all open. */
export function makeSecretBox(texts: readonly [string, ...string[]]): SecretBox {
  const keys = texts.map(deriveKey)
  const [present] = keys as [Key]
  return {
    keyId: present.id,
    seal(place, value) {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', present.key, nonce).setAAD(contextOf(place))
      const sealed = Buffer.concat([nonce, cipher.update(value, 'utf8'), cipher.final(), cipher.getAuthTag()])
      return { keyId: present.id, sealed }
    },
    open(place, { keyId, sealed }) {
      const key = keys.find(({ id }) => id === keyId)
      if (!key) return 'no key'
      try {
        const decipher = createDecipheriv('aes-256-gcm', key.key, sealed.subarray(0, nonceBytes), {
          authTagLength: tagBytes,
        })
          .setAAD(contextOf(place))
          .setAuthTag(sealed.subarray(-tagBytes))
        const open = Buffer.concat([
          decipher.update(sealed.subarray(nonceBytes, -tagBytes)),
          decipher.final(),
        ])
        return { value: open.toString('utf8') }
      } catch {
        return 'damaged'
      }
    },
  }
}

/** From the options of a process; null when it has no key. */
export const openSecretBox = (config: {
  SECRETS_KEY?: string | undefined
  SECRETS_PREVIOUS_KEYS: readonly string[]
}): SecretBox | null =>
  config.SECRETS_KEY === undefined
    ? null
    : makeSecretBox([config.SECRETS_KEY, ...config.SECRETS_PREVIOUS_KEYS])

interface Key {
  /** Names the key and tells nothing of it. */
  id: string
  key: Buffer
}

function deriveKey(text: string): Key {
  const derive = (purpose: string, bytes: number): Buffer =>
    Buffer.from(hkdfSync('sha256', text, '', `noodle secrets: ${purpose}`, bytes)) // RFC 5869
  return { id: derive('key id', 8).toString('hex'), key: derive('key', 32) }
}

/** JSON, so that no two places read the same. */
const contextOf = ({ tenant, name }: SecretPlace): Buffer =>
  Buffer.from(JSON.stringify(['noodle secret', tenant, name]))
